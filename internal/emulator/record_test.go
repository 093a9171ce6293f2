package emulator

import (
	"context"
	"testing"
)

func TestTheRecordIsBounded(t *testing.T) {
	var all []int
	for i := range 5 * mostRecorded {
		if all = remember(all, i); len(all) > 2*mostRecorded || all[len(all)-1] != i {
			t.Fatalf("after %d: %d kept", i, len(all))
		}
	}
	if oldest := all[len(all)-mostRecorded]; oldest != 4*mostRecorded {
		t.Errorf("the last %d begin with %d", mostRecorded, oldest)
	}
}

// Deliveries count that are not remembered any more.
func TestWaitingForMoreWebhooksThanAreRemembered(t *testing.T) {
	e := New(Config{})
	defer e.Close()
	e.deliveries = 3 * mostRecorded
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.WaitWebhooks(ended, 3*mostRecorded); err != nil {
		t.Error(err)
	}
}
