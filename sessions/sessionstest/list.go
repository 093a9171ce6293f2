package sessionstest

import (
	"slices"
	"sort"
)

const blockSize = 512

// sessionList holds sessions in the order of their creation, in blocks, so that
// removing one of 100,000 moves few of them.
type sessionList struct {
	blocks [][]*session // none is empty
	len    int
}

// add appends the newest session.
func (l *sessionList) add(x *session) {
	if last := len(l.blocks) - 1; last >= 0 && len(l.blocks[last]) < blockSize {
		l.blocks[last] = append(l.blocks[last], x)
	} else {
		l.blocks = append(l.blocks, append(make([]*session, 0, blockSize), x))
	}
	l.len++
}

// remove removes a session if it is in the list.
func (l *sessionList) remove(x *session) {
	i := sort.Search(len(l.blocks), func(i int) bool { return l.blocks[i][len(l.blocks[i])-1].number >= x.number })
	if i == len(l.blocks) {
		return
	}
	j, ok := slices.BinarySearchFunc(l.blocks[i], x.number, func(y *session, number int) int { return y.number - number })
	if !ok {
		return
	}
	l.len--
	if l.blocks[i] = slices.Delete(l.blocks[i], j, j+1); len(l.blocks[i]) == 0 {
		l.blocks = slices.Delete(l.blocks, i, i+1)
	}
}

// slice returns a copy of the sessions from index from up to, but not including,
// to. Indexes beyond the ends have none.
func (l *sessionList) slice(from, to int) []*session {
	from, to = max(from, 0), min(to, l.len)
	if from >= to {
		return nil
	}
	list := make([]*session, 0, to-from)
	for _, block := range l.blocks {
		if from < len(block) {
			list = append(list, block[max(from, 0):min(to, len(block))]...)
		}
		if from, to = from-len(block), to-len(block); to <= 0 {
			break
		}
	}
	return list
}

// count returns the number of sessions up to the newest for which f is true.
func (l *sessionList) count(f func(*session) bool) int {
	n := l.len
	for _, block := range slices.Backward(l.blocks) {
		for _, x := range slices.Backward(block) {
			if f(x) {
				return n
			}
			n--
		}
	}
	return n
}
