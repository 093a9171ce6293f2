package emulator

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A roll is a list of numbers from which any can leave.
func TestARollIsAList(t *testing.T) {
	var r roll
	var plain []int
	dice := rand.New(rand.NewPCG(1, 2))
	added := 0
	for range 3000 {
		if len(plain) == 0 || dice.IntN(3) > 0 {
			r.add()
			plain = append(plain, added)
			added++
		} else {
			i := dice.IntN(len(plain))
			r.remove(plain[i])
			plain = slices.Delete(plain, i, i+1)
		}
		if r.size != len(plain) {
			t.Fatalf("%d are on it, want %d", r.size, len(plain))
		}
		for range min(3, len(plain)) {
			if n := dice.IntN(len(plain)); r.at(n) != plain[n] {
				t.Fatalf("of %d the %dth is %d, want %d", len(plain), n, r.at(n), plain[n])
			}
		}
	}
	for n, want := range plain {
		if r.at(n) != want {
			t.Fatalf("the %dth is %d, want %d", n, r.at(n), want)
		}
	}
}
