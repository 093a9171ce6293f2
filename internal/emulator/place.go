package emulator

import (
	"math"
	"slices"

	"github.com/edgegap-community/edgegap/api"
)

// place is somewhere a deployment can be.
type place struct {
	api.DeploymentLocation
	region string
	tags   []string
}

var places = []place{
	{api.DeploymentLocation{City: "Montréal", AdministrativeDivision: "Quebec", Country: "Canada", Continent: "North America", Timezone: "America/Toronto", Latitude: 45.5019, Longitude: -73.5674}, "NA East", []string{"core"}},
	{api.DeploymentLocation{City: "Chicago", AdministrativeDivision: "Illinois", Country: "United States", Continent: "North America", Timezone: "America/Chicago", Latitude: 41.8781, Longitude: -87.6298}, "NA Central", []string{"core", "edge"}},
	{api.DeploymentLocation{City: "Frankfurt am Main", AdministrativeDivision: "Hesse", Country: "Germany", Continent: "Europe", Timezone: "Europe/Berlin", Latitude: 50.1109, Longitude: 8.6821}, "EU Central", []string{"core"}},
	{api.DeploymentLocation{City: "São Paulo", AdministrativeDivision: "São Paulo", Country: "Brazil", Continent: "South America", Timezone: "America/Sao_Paulo", Latitude: -23.5558, Longitude: -46.6396}, "SA East", []string{"edge"}},
	{api.DeploymentLocation{City: "Tokyo", AdministrativeDivision: "Tokyo", Country: "Japan", Continent: "Asia", Timezone: "Asia/Tokyo", Latitude: 35.6762, Longitude: 139.6503}, "AP Northeast", []string{"core"}},
	{api.DeploymentLocation{City: "Sydney", AdministrativeDivision: "New South Wales", Country: "Australia", Continent: "Oceania", Timezone: "Australia/Sydney", Latitude: -33.8688, Longitude: 151.2093}, "AP Southeast", []string{"edge"}},
}

// allowed are the places that pass the request's filters, narrowed to those in
// the city, country and so on that it names, as far as there are any.
func allowed(request api.SessionModel) []int {
	var choice []int
	for i, p := range places {
		if passes(request.Filters, p) {
			choice = append(choice, i)
		}
	}
	for _, want := range []struct{ field, name string }{
		{"continent", request.Continent},
		{"country", request.Country},
		{"region", request.Region},
		{"administrative_division", request.AdministrativeDivision},
		{"city", request.City},
	} {
		near := slices.DeleteFunc(slices.Clone(choice), func(i int) bool {
			return !slices.Contains(places[i].values(want.field), want.name)
		})
		if len(near) > 0 {
			choice = near
		}
	}
	return choice
}

func passes(filters []api.SessionFilterModel, p place) bool {
	for _, f := range filters {
		if !match(f.FilterType, f.Values, p.values(f.Field)) {
			return false
		}
	}
	return true
}

// values are what a filter on a field looks at. A field that is not known has
// none.
func (p place) values(field string) []string {
	switch field {
	case "city":
		return []string{p.City}
	case "country":
		return []string{p.Country}
	case "continent":
		return []string{p.Continent}
	case "administrative_division":
		return []string{p.AdministrativeDivision}
	case "region":
		return []string{p.region}
	case "location_tags":
		return p.tags
	}
	return nil
}

// match is any, all or not: one of the wanted values is there, all are, none is.
func match(kind api.FilterType, wanted, have []string) bool {
	found := 0
	for _, value := range wanted {
		if slices.Contains(have, value) {
			found++
		}
	}
	switch kind {
	case api.FilterTypeAll:
		return found == len(wanted)
	case api.FilterTypeNot:
		return found == 0
	}
	return found > 0
}

// distance is how far a place is from where the request's players are, as an
// angle: from its location, else from the middle of its geo_ip_list. A request
// that names neither is equally far from everywhere.
func distance(request api.SessionModel, p place) float64 {
	var latitude, longitude float64
	switch n := float64(len(request.GeoIPList)); {
	case request.Location != nil:
		latitude, longitude = request.Location.Latitude, request.Location.Longitude
	case n > 0:
		for _, user := range request.GeoIPList {
			latitude += user.Latitude / n
			longitude += user.Longitude / n
		}
	default:
		return 0
	}
	const degree = math.Pi / 180
	cosine := math.Sin(latitude*degree)*math.Sin(p.Latitude*degree) +
		math.Cos(latitude*degree)*math.Cos(p.Latitude*degree)*math.Cos((longitude-p.Longitude)*degree)
	return math.Acos(max(-1, min(1, cosine)))
}
