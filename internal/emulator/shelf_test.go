package emulator

import (
	"math/rand/v2"
	"testing"
)

// A shelf finds what a look at one deployment after the other finds.
func TestAShelfIsALinearScan(t *testing.T) {
	for seed := range uint64(10) {
		dice := rand.New(rand.NewPCG(seed, 0))
		var s shelf
		var rooms []int
		for range 3000 {
			room := dice.IntN(12) - 1
			switch {
			case len(rooms) == 0 || dice.IntN(3) == 0:
				if at := s.put(&deployment{number: len(rooms)}, room); at != len(rooms) {
					t.Fatalf("seed %d: the %dth was put at %d", seed, len(rooms), at)
				}
				rooms = append(rooms, room)
			case dice.IntN(2) == 0:
				at := dice.IntN(len(rooms))
				s.set(at, room)
				rooms[at] = room
			}
			// Mostly there is hardly any room, so that what is found is far.
			need, from, want := dice.IntN(13), dice.IntN(len(rooms)+2), none
			for at := from; at < len(rooms) && want == none; at++ {
				if rooms[at] >= need {
					want = at
				}
			}
			if got := s.next(from, need); got != want {
				t.Fatalf("seed %d: of %v the first from %d with room for %d is %d, want %d", seed, rooms, from, need, got, want)
			} else if got != none && s.deployments[got].number != got {
				t.Fatalf("seed %d: at %d stands %d", seed, got, s.deployments[got].number)
			}
		}
	}
	var empty shelf
	if got := empty.next(0, 0); got != none {
		t.Errorf("an empty shelf has one at %d", got)
	}
}
