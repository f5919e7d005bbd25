// SPDX-License-Identifier: Apache-2.0
// Goroutines on many threads, subprocesses, signals and the faults that Go turns into panics.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func sum(n int) int {
	s := 0
	for j := 0; j < 100000; j++ {
		s += j % (n + 1)
	}
	return s
}

func goroutines() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for i := 0; i < 200; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			if n%10 == 0 {
				runtime.LockOSThread() // a thread of its own, which ends with it
			}
			s := sum(n)
			time.Sleep(time.Millisecond)
			mu.Lock()
			total += s
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	fmt.Println("sum", total)
}

func subprocesses() {
	var wg sync.WaitGroup
	out := make([]string, 20)
	for i := range out {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			b, err := exec.Command("sh", "-c", fmt.Sprintf("echo child %d; exit %d", n, n%3)).CombinedOutput()
			out[n] = fmt.Sprint(string(b), err)
		}(i)
	}
	wg.Wait()
	fmt.Println(out)
	cmd := exec.Command("cat")
	in, _ := cmd.StdinPipe()
	res, _ := cmd.StdoutPipe()
	cmd.Start()
	fmt.Fprintln(in, "through cat")
	in.Close()
	line, _ := bufio.NewReader(res).ReadString('\n')
	fmt.Print(line, cmd.Wait(), "\n")
	sleeper := exec.Command("sleep", "1000")
	sleeper.Start()
	sleeper.Process.Kill()
	fmt.Println(sleeper.Wait())
}

func faults() {
	defer func() { fmt.Println("recovered:", recover()) }()
	var p *int
	fmt.Println(*p)
}

func main() {
	goroutines()
	subprocesses()
	faults()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-c)
	deadline := time.After(20 * time.Millisecond)
	spins := 0
	for done := false; !done; { // preempted by signals
		select {
		case <-deadline:
			done = true
		default:
			spins++
		}
	}
	runtime.GC()
	fmt.Println("end", spins > 0)
}
