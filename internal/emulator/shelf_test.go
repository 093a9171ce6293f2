package emulator

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A shelf finds what a look at one deployment after the other finds.
func TestAShelfIsALinearScan(t *testing.T) {
	for seed := range uint64(10) {
		dice := rand.New(rand.NewPCG(seed, 0))
		var s shelf
		var all []*deployment // that are on the shelf and have not ended
		free := dice.Perm(3000)
		for range 3000 {
			switch dice.IntN(6) {
			case 0, 1: // mostly the youngest, now and then an old one
				number := len(free) + 3000
				if dice.IntN(8) == 0 {
					number = free[0]
				}
				free = free[1:]
				d := &deployment{number: number, app: App{Sockets: dice.IntN(12)}}
				s.put(d)
				all = append(all, d)
			case 2, 3:
				if len(all) > 0 {
					d := all[dice.IntN(len(all))]
					d.app.Sockets = dice.IntN(12)
					s.update(d)
				}
			case 4:
				if len(all) > 0 && dice.IntN(2) == 0 {
					at := dice.IntN(len(all))
					d := all[at]
					all = slices.Delete(all, at, at+1)
					d.ended = true
					s.update(d)
				}
			}
			// Mostly there is hardly any room, so that what is found is far.
			need, from := dice.IntN(13), dice.IntN(len(s.deployments)+2)
			var want, got *deployment
			for _, d := range all {
				if d.room() >= need && s.find(d) >= from && (want == nil || d.number < want.number) {
					want = d
				}
			}
			if at := s.next(from, need); at != none {
				got = s.deployments[at]
			}
			if got != want {
				t.Fatalf("seed %d: from %d with room for %d there is %v, want %v", seed, from, need, got, want)
			}
			if len(s.deployments) > 2*len(all)+1 {
				t.Fatalf("seed %d: %d on the shelf, of which %d have not ended", seed, len(s.deployments), len(all))
			}
		}
	}
	var empty shelf
	if got := empty.next(0, 0); got != none {
		t.Errorf("an empty shelf has one at %d", got)
	}
}
