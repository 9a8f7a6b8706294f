package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	stratum "stratum.dev/go"
)

// importAll imports each package; one that cannot be read is named, and the others go on.
func importAll(out *bufio.Writer, db *stratum.DB, dirs []string) error {
	var result error
	for _, dir := range dirs {
		name, tree, err := readPackage(dir)
		if err != nil {
			complain(fmt.Errorf("%s: %w", dir, err))
			result = errNotAll
			continue
		}
		document, err := find(db.Latest(), name)
		if err != nil {
			return err
		}
		if document != 0 {
			if _, err := db.ReplaceTree(document, tree); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: document %d replaced, %d tests\n", name, document, len(tree.Inputs))
			continue
		}
		ids, err := db.PutTree(tree)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: document %d, %d tests\n", name, ids.Document, ids.InputCount)
	}
	return result
}

// readPackage reads a package directory into a tree.
func readPackage(dir string) (name string, tree *stratum.Tree, err error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	name = filepath.Base(absolute)
	problem, err := readProblem(filepath.Join(dir, "problem.yaml"))
	if err != nil {
		return "", nil, err
	}
	tree = &stratum.Tree{}
	if tree.Blob, err = readStatement(dir); err != nil {
		return "", nil, err
	}
	samples, err := readTests(dir, "sample")
	if err != nil {
		return "", nil, err
	}
	secret, err := readTests(dir, "secret")
	if err != nil {
		return "", nil, err
	}
	tree.Inputs = append(samples, secret...)
	tree.Columns = problem.columns(name)
	tree.Columns = append(tree.Columns, stratum.Column{Name: "samples", Value: len(samples)})
	return name, tree, nil
}

type problem struct{ root *yaml.Node }

func readProblem(path string) (problem, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return problem{}, err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return problem{}, fmt.Errorf("problem.yaml: %w", err)
	}
	if len(file.Content) != 1 || resolved(file.Content[0]).Kind != yaml.MappingNode {
		return problem{}, errors.New("problem.yaml is not a map")
	}
	return problem{resolved(file.Content[0])}, nil
}

// resolved follows an alias to what it stands for.
func resolved(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func entry(node *yaml.Node, key string) *yaml.Node {
	for at := 0; at+1 < len(node.Content); at += 2 {
		if node.Content[at].Value == key {
			return resolved(node.Content[at+1])
		}
	}
	return nil
}

// isText tells a scalar: its Value is the text that stands there, whatever its tag.
func isText(node *yaml.Node) bool { return node != nil && node.Kind == yaml.ScalarNode }

func (p problem) title(name string) string {
	node := entry(p.root, "name")
	if node != nil && node.Kind == yaml.MappingNode && len(node.Content) > 0 {
		if english := entry(node, "en"); english != nil {
			node = english
		} else {
			node = resolved(node.Content[1])
		}
	}
	if isText(node) {
		return node.Value
	}
	return name
}

// words are a list of texts, or a text split at white space.
func (p problem) words(key string) []string {
	node := entry(p.root, key)
	if isText(node) {
		return strings.Fields(node.Value)
	}
	var words []string
	if node != nil && node.Kind == yaml.SequenceNode {
		for _, item := range node.Content {
			if item = resolved(item); isText(item) {
				words = append(words, item.Value)
			}
		}
	}
	return words
}

func (p problem) columns(name string) stratum.Columns {
	columns := stratum.Columns{{Name: "package", Value: name}, {Name: "title", Value: p.title(name)}}
	if keywords := p.words("keywords"); len(keywords) > 0 {
		columns = append(columns, stratum.Column{Name: "keywords", Value: keywords})
	}
	if flags := p.words("validator_flags"); len(flags) > 0 {
		columns = append(columns, stratum.Column{Name: "flags", Value: flags})
	}
	return columns
}

func readStatement(dir string) ([]byte, error) {
	files, err := os.ReadDir(filepath.Join(dir, "statement"))
	from := "statement"
	if errors.Is(err, fs.ErrNotExist) {
		from = "problem_statement"
		files, err = os.ReadDir(filepath.Join(dir, from))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// ReadDir sorts by the bytes of the names.
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "problem.") && !file.IsDir() {
			return os.ReadFile(filepath.Join(dir, from, file.Name()))
		}
	}
	return nil, nil
}

// readTests reads the tests below data/sample or data/secret, in the order of the bytes of their paths.
func readTests(dir, group string) ([]stratum.Input, error) {
	data := filepath.Join(dir, "data")
	var paths []string
	err := filepath.WalkDir(filepath.Join(data, group), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return fs.SkipDir
		case !strings.HasPrefix(entry.Name(), ".") && !entry.IsDir() && strings.HasSuffix(path, ".in"):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	slices.Sort(paths)
	var inputs []stratum.Input
	for _, path := range paths {
		stem := strings.TrimSuffix(path, ".in")
		name, err := filepath.Rel(data, stem)
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		input := stratum.Input{Value: value(content), Columns: stratum.Columns{{Name: "test", Value: filepath.ToSlash(name)}}}
		answer, err := os.ReadFile(stem + ".ans")
		if err == nil {
			input.Output, input.HasOutput = value(answer), true
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		inputs = append(inputs, input)
	}
	return inputs, nil
}

// value is a String where the content is UTF-8, otherwise Bytes.
func value(content []byte) any {
	if utf8.Valid(content) {
		return string(content)
	}
	return content
}
