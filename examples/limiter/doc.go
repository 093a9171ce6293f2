// Package limiter shows how to pace a client with golang.org/x/time/rate: see
// its Example. It is a module of its own, so that nobody else needs that one.
//
// The vendor's limits hold for a whole organization. Processes that call at the
// same time therefore either get a share of the rate each, or one limiter whose
// Wait takes a token from a store that they have in common, such as Redis.
package limiter
