package sessions_test

import (
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestStatusesAreComparedInEitherSpelling(t *testing.T) {
	for status, want := range map[string]bool{
		"Error": true, "error": true, "Status.ERROR": true, "status.Error": true, "STATUS.ERROR": true,
		"": false, "Ready": false, "Errors": false, "Status.": false, "Status.READY": false, "xStatus.Error": false, "Status.Status.Error": false,
	} {
		if sessions.StatusIs(status, sessions.StatusError) != want {
			t.Errorf("%q: not %t", status, want)
		}
	}
}
