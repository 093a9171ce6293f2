package emulator

// shelf holds deployments in the order they were put there, and finds the first
// with room without looking at each: a binary tree, laid out in a slice, of the
// greatest room below every node. A create costs the same among a hundred
// thousand sessions as among ten.
type shelf struct {
	deployments []*deployment
	most        []int // most[1] is the root, the leaves are the second half
}

// none is the room of a deployment that takes no session.
const none = -1

// put adds a deployment at the end and returns its place.
func (s *shelf) put(d *deployment, room int) (at int) {
	at = len(s.deployments)
	s.deployments = append(s.deployments, d)
	if leaves := len(s.most) / 2; at >= leaves {
		old := s.most[leaves:]
		leaves = max(2*leaves, 1)
		s.most = make([]int, 2*leaves)
		for i := range s.most {
			s.most[i] = none
		}
		for i, room := range old {
			s.set(i, room)
		}
	}
	s.set(at, room)
	return at
}

// set changes the room of the deployment at a place.
func (s *shelf) set(at, room int) {
	i := len(s.most)/2 + at
	s.most[i] = room
	for i /= 2; i > 0; i /= 2 {
		s.most[i] = max(s.most[2*i], s.most[2*i+1])
	}
}

// next is the first place from one on whose deployment has that much room, or
// none.
func (s *shelf) next(from, need int) int {
	leaves := len(s.most) / 2
	if from >= leaves {
		return none
	}
	i := leaves + from
	for s.most[i] < need { // climb until something to the right has it
		for i%2 == 1 {
			i /= 2
		}
		if i == 0 {
			return none
		}
		i++
	}
	for i < leaves { // and go down to the first of it
		i *= 2
		if s.most[i] < need {
			i++
		}
	}
	return i - leaves
}

// label says which deployments stand on a shelf: those of an app version at a
// place, or those of them that have a tag.
type label struct {
	app, version string
	place        int
	tag          string // "" is all of them
}

// spot is where a deployment stands.
type spot struct {
	shelf *shelf
	at    int
}

// shelve puts a deployment on the shelf with its own label and that tag.
func (e *Emulator) shelve(d *deployment, tag string) {
	l := label{d.app.Name, d.app.Version, d.place, tag}
	if e.shelves[l] == nil {
		e.shelves[l] = &shelf{}
	}
	d.spots = append(d.spots, spot{e.shelves[l], e.shelves[l].put(d, d.room())})
}

// reshelve tells the shelves of a deployment how much room it now has.
func (d *deployment) reshelve() {
	for _, s := range d.spots {
		s.shelf.set(s.at, d.room())
	}
}
