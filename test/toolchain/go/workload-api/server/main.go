// A server of the SPIFFE Workload API for tests: grpc-go and the API's own generated code. It answers FetchX509SVID with
// what it is told on standard input, one JSON object a line, and sends each new one to every stream that is open.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// answer is a line of standard input: either SVIDs (DER in base64), or a status that ends the streams.
type answer struct {
	SVIDs []struct {
		ID     string `json:"id"`
		Chain  []byte `json:"chain"`
		Key    []byte `json:"key"`
		Bundle []byte `json:"bundle"`
		Hint   string `json:"hint"`
	} `json:"svids"`
	Federated map[string][]byte `json:"federated"`
	Code      codes.Code        `json:"code"`
	Message   string            `json:"message"`
}

type server struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	mu      sync.Mutex
	latest  *answer
	changed chan struct{}
}

func (s *server) set(a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = a
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) get() (*answer, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.changed
}

func (s *server) FetchX509SVID(_ *workload.X509SVIDRequest, stream workload.SpiffeWorkloadAPI_FetchX509SVIDServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	// SPIFFE Workload Endpoint, section 5: without the header the request is refused, against forged requests.
	if values := md.Get("workload.spiffe.io"); len(values) != 1 || values[0] != "true" {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	fmt.Println("stream")
	for {
		latest, changed := s.get()
		if latest != nil {
			if latest.Code != codes.OK {
				return status.Error(latest.Code, latest.Message)
			}
			response := &workload.X509SVIDResponse{FederatedBundles: latest.Federated}
			for _, svid := range latest.SVIDs {
				response.Svids = append(response.Svids, &workload.X509SVID{
					SpiffeId: svid.ID, X509Svid: svid.Chain, X509SvidKey: svid.Key, Bundle: svid.Bundle, Hint: svid.Hint,
				})
			}
			if err := stream.Send(response); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			fmt.Println("gone")
			return nil
		}
	}
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s := &server{changed: make(chan struct{})}
	grpcServer := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(grpcServer, s)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			a := &answer{}
			if err := json.Unmarshal(lines.Bytes(), a); err != nil {
				log.Fatal(err)
			}
			s.set(a)
		}
		grpcServer.Stop()
	}()
	fmt.Println("listening")
	if err := grpcServer.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
