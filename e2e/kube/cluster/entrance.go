package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// entrance is what a container's process does before it becomes the program: its mounts, its user.
type entrance struct {
	Program      string
	Args, Env    []string
	Mounts       []bind
	User         int
	ReadOnlyRoot bool
	Scratch      string // where mount points that the machine lacks are made, out of its sight
}

type bind struct {
	From, To string
	ReadOnly bool
}

func enterContainer(plan string) int {
	var in entrance
	if err := json.Unmarshal([]byte(plan), &in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	if err := in.mount(); err != nil {
		fmt.Fprintln(os.Stderr, "mounts:", err)
		return 125
	}
	if in.User != 0 {
		// As container runtimes do, for a program may open /dev/stdout.
		for _, stream := range []int{1, 2} {
			if err := syscall.Fchown(stream, in.User, -1); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if err := syscall.Setgroups([]int{in.User}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
		if err := syscall.Setgid(in.User); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
		if err := syscall.Setuid(in.User); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
	}
	if err := os.Chdir("/"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Fprintln(os.Stderr, syscall.Exec(in.Program, append([]string{in.Program}, in.Args...), in.Env))
	return 126
}

// mount lays an overlay over each top folder that lacks a mount point, so that nothing is made on the machine itself. Sources are
// held open, for a mount may cover where they are.
func (in *entrance) mount() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	covered := map[string]bool{}
	var sources []int
	for i, m := range in.Mounts {
		source, err := syscall.Open(m.From, 0x200000 /* O_PATH */, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", m.From, err)
		}
		sources = append(sources, source)
		if err := in.point(i, target(m.To), covered); err != nil {
			return err
		}
	}
	for i, m := range in.Mounts {
		to := target(m.To)
		if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", sources[i]), to, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s on %s: %w", m.From, to, err)
		}
		syscall.Close(sources[i])
		if m.ReadOnly {
			if err := syscall.Mount("", to, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				return err
			}
		}
	}
	if in.ReadOnlyRoot {
		if out, err := exec.Command("mount", "-o", "remount,bind,ro", "/").CombinedOutput(); err != nil {
			return fmt.Errorf("read-only root: %s", out)
		}
	}
	return nil
}

// target follows the link from /var/run to /run, which may not have the rest of the path yet.
func target(to string) string {
	if at, err := filepath.EvalSymlinks("/var/run"); err == nil && strings.HasPrefix(to, "/var/run/") {
		return filepath.Join(at, strings.TrimPrefix(to, "/var/run/"))
	}
	return to
}

func (in *entrance) point(i int, to string, covered map[string]bool) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	top := "/" + strings.Split(strings.TrimPrefix(to, "/"), "/")[0]
	if _, err := os.Stat(top); err == nil && !covered[top] {
		covered[top] = true
		upper, work := fmt.Sprintf("%s/%d/upper", in.Scratch, i), fmt.Sprintf("%s/%d/work", in.Scratch, i)
		for _, folder := range []string{upper, work} {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", top, upper, work)
		if err := syscall.Mount("overlay", top, "overlay", 0, options); err != nil {
			return fmt.Errorf("overlay on %s: %w", top, err)
		}
	}
	return os.MkdirAll(to, 0o755)
}
