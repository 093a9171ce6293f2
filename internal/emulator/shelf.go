package emulator

import "slices"

// shelf holds deployments in the order of their making, and finds the first with
// room without looking at each: a binary tree, laid out in a slice, of the
// greatest room below every node. A create costs the same among a hundred
// thousand sessions as among ten, unless it gives an old deployment a new tag.
type shelf struct {
	deployments []*deployment
	most        []int // most[1] is the root, the leaves are the second half
	ended       int   // of the deployments
}

// none is the room of a deployment that takes no session.
const none = -1

// put adds a deployment: at the end, unless an old one is given the tag of the
// shelf late.
func (s *shelf) put(d *deployment) {
	at := s.find(d)
	s.deployments = slices.Insert(s.deployments, at, d)
	if at < len(s.deployments)-1 || at >= len(s.most)/2 {
		s.build()
		return
	}
	s.set(at, d.room())
}

// find is where a deployment stands, or would.
func (s *shelf) find(d *deployment) (at int) {
	at, _ = slices.BinarySearchFunc(s.deployments, d.number, func(d *deployment, number int) int { return d.number - number })
	return at
}

// update has the shelf know how much room a deployment now has. When half of
// them have ended, they are taken out.
func (s *shelf) update(d *deployment) {
	s.set(s.find(d), d.room())
	if d.ended {
		s.ended++
	}
	if 2*s.ended > len(s.deployments) {
		s.deployments = slices.DeleteFunc(s.deployments, func(d *deployment) bool { return d.ended })
		s.ended = 0
		s.build()
	}
}

// build makes the tree anew; its leaves are the next power of two.
func (s *shelf) build() {
	leaves := 1
	for leaves < len(s.deployments) {
		leaves *= 2
	}
	s.most = make([]int, 2*leaves)
	for i := range s.most {
		s.most[i] = none
	}
	for at, d := range s.deployments {
		s.most[leaves+at] = d.room()
	}
	for i := leaves - 1; i > 0; i-- {
		s.most[i] = max(s.most[2*i], s.most[2*i+1])
	}
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

// shelve puts a deployment on the shelf with its own label and that tag.
func (e *Emulator) shelve(d *deployment, tag string) {
	l := label{d.app.Name, d.app.Version, d.place, tag}
	if e.shelves[l] == nil {
		e.shelves[l] = &shelf{}
	}
	d.labels = append(d.labels, l)
	e.shelves[l].put(d)
}

// reshelve tells the shelves of a deployment how much room it now has. A shelf
// on which nothing stands any more is taken away.
func (e *Emulator) reshelve(d *deployment) {
	for _, l := range d.labels {
		if e.shelves[l].update(d); len(e.shelves[l].deployments) == 0 {
			delete(e.shelves, l)
		}
	}
}
