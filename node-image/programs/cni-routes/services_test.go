package main

import (
	"net"
	"testing"
	"time"
)

func TestAwaitServicesReturnsOnceTheAddressAnswers(t *testing.T) {
	// The port is taken and given back, so that nobody answers there until the second listener does.
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	reserved.Close()
	done := make(chan struct{})
	go func() {
		awaitServices(t.Context(), address, time.Minute)
		close(done)
	}()
	select {
	case <-done:
		t.Fatal("returned although nobody answers")
	case <-time.After(3 * servicesPause):
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	<-done
}

func TestAwaitServicesGivesUp(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	reserved.Close()
	awaitServices(t.Context(), address, 2*servicesPause)
}
