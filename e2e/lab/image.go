package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"
)

// writeImage writes a container image of one program as an archive that `ctr images import` reads.
func writeImage(to, ref, program, inside string) error {
	layer, err := oneFile(program, inside)
	if err != nil {
		return err
	}
	diff := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Entrypoint": []string{inside}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(diff[:])}},
	})
	if err != nil {
		return err
	}
	id := sha256.Sum256(config)
	name, folder := hex.EncodeToString(id[:])+".json", hex.EncodeToString(diff[:])
	manifest, err := json.Marshal([]any{map[string]any{"Config": name, "RepoTags": []string{ref}, "Layers": []string{folder + "/layer.tar"}}})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		data []byte
	}{{name, config}, {"manifest.json", manifest}, {folder + "/layer.tar", layer}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o644}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// oneFile is a layer that holds a program, with the folders above it.
func oneFile(program, inside string) ([]byte, error) {
	f, err := os.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	inside = strings.TrimPrefix(inside, "/")
	var above []string
	for dir := path.Dir(inside); dir != "."; dir = path.Dir(dir) {
		above = append([]string{dir + "/"}, above...)
	}
	for _, dir := range append(above, "tmp/") {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: inside, Size: info.Size(), Mode: 0o755}); err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, f); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}
