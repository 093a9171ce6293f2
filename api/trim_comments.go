//go:build ignore

// Command trim_comments removes the field's name that the generator writes before the
// description of each field: the descriptions of openapi.yaml are whole sentences.
package main

import (
	"log"
	"os"
	"regexp"
)

var comment = regexp.MustCompile(`(\t// )(\w+) ([A-Z].*\n(?:\t//.*\n)*\t)(\w+) `)

func main() {
	source, err := os.ReadFile("api/api.gen.go")
	if err == nil {
		source = comment.ReplaceAllFunc(source, func(text []byte) []byte {
			part := comment.FindSubmatch(text)
			if string(part[2]) != string(part[4]) {
				return text
			}
			return []byte(string(part[1]) + string(part[3]) + string(part[4]) + " ")
		})
		err = os.WriteFile("api/api.gen.go", source, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
