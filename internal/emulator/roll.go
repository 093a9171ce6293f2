package emulator

// roll is who is on the list of sessions, by their numbers. A binary indexed
// tree counts them, so that a page is found without looking at all before it,
// and one who leaves moves nobody.
type roll struct {
	counts []int // counts[i-1] is how many of the i&-i numbers up to i-1 are on it
	size   int
}

// add puts the next number on the list.
func (r *roll) add() {
	i := len(r.counts) + 1
	count := 1
	for j := i - 1; j > i-i&-i; j -= j & -j {
		count += r.counts[j-1]
	}
	r.counts = append(r.counts, count)
	r.size++
}

// remove takes a number off, which must be on it.
func (r *roll) remove(number int) {
	for i := number + 1; i <= len(r.counts); i += i & -i {
		r.counts[i-1]--
	}
	r.size--
}

// at is the nth number on the list, from 0; n must be less than its size.
func (r *roll) at(n int) (number int) {
	step := 1
	for 2*step <= len(r.counts) {
		step *= 2
	}
	for ; step > 0; step /= 2 {
		if next := number + step; next <= len(r.counts) && r.counts[next-1] <= n {
			number, n = next, n-r.counts[next-1]
		}
	}
	return number
}
