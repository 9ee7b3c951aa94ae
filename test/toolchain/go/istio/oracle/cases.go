package main

// oracle -cases < groups.jsonl > verdicts.jsonl
//
// Each line in is one set of policies, one workload and many connections; each line out has one verdict per
// connection. Data plane "sidecar": Istio's own istiod builds the workload's inbound listener from the policies, Istio's
// own pilot/pkg/simulation rules choose the filter chain, and the network RBAC filters of that chain are evaluated here.
// Data plane "ztunnel": Istio's own istiod converts the policies for ztunnel; the conversion's result is evaluated as
// ztunnel's src/rbac.rs does it (ztunnel itself is a Rust program and is not part of this binary).

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/util/protomarshal"
)

type caseWorkload struct {
	Namespace          string            `json:"namespace"`
	Labels             map[string]string `json:"labels"`
	TrustDomain        string            `json:"trustDomain"`
	TrustDomainAliases []string          `json:"trustDomainAliases"`
	RootNamespace      string            `json:"rootNamespace"`
}

type caseConnection struct {
	Source struct {
		IP        string  `json:"ip"`
		Principal *string `json:"principal"`
		RemoteIP  string  `json:"remoteIp"`
	} `json:"source"`
	Destination struct {
		IP   string `json:"ip"`
		Port int    `json:"port"`
	} `json:"destination"`
	SNI string `json:"sni"`
}

type caseGroup struct {
	ID          string            `json:"id"`
	Dataplane   string            `json:"dataplane"`
	Policies    []json.RawMessage `json:"policies"`
	Workload    caseWorkload      `json:"workload"`
	Connections []caseConnection  `json:"connections"`
	Mesh        struct {
		ExtensionProviders []json.RawMessage `json:"extensionProviders"`
	} `json:"mesh"`
	// What an external authorizer answers when a CUSTOM policy asks it: "allow" or "deny".
	Authorizer string `json:"authorizer"`
	// Also say what Istio's validating webhook says of each policy.
	Validate bool `json:"validate"`
	// Also give the RBAC filters that a sidecar gets, as Envoy reads them.
	Filters bool `json:"filters"`
}

type caseBy struct {
	Policy string `json:"policy"`
	Rule   int    `json:"rule"`
}

type caseVerdict struct {
	Verdict string  `json:"verdict"`
	By      *caseBy `json:"by"`
	// Which step decided: peer-authentication, CUSTOM, DENY, ALLOW, or empty for the implicit allow.
	Step string `json:"step,omitempty"`
}

type caseResult struct {
	ID       string        `json:"id"`
	Error    string        `json:"error,omitempty"`
	Results  []caseVerdict `json:"results,omitempty"`
	Refusals []string      `json:"refusals,omitempty"`
	// Of the filter chain of the first connection.
	Filters []json.RawMessage `json:"filters,omitempty"`
}

func runCases(t test.Failer, in io.Reader, out io.Writer) error {
	sidecars := newSidecarOracle(t)
	workers := runtime.GOMAXPROCS(0)
	type job struct {
		line   []byte
		answer chan []byte
	}
	jobs := make(chan job, workers)
	ordered := make(chan chan []byte, 4*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range jobs {
				j.answer <- answerCase(sidecars, j.line)
			}
		}()
	}
	r := bufio.NewReaderSize(in, 1<<20)
	w := bufio.NewWriterSize(out, 1<<20)
	done := make(chan error, 1)
	go func() {
		for a := range ordered {
			b := <-a
			if _, err := w.Write(append(b, '\n')); err != nil {
				done <- err
				return
			}
			if len(ordered) == 0 {
				if err := w.Flush(); err != nil {
					done <- err
					return
				}
			}
		}
		done <- w.Flush()
	}()
	var readErr error
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 1 {
			a := make(chan []byte, 1)
			ordered <- a
			jobs <- job{line: line, answer: a}
		}
		if err != nil {
			if err != io.EOF {
				readErr = err
			}
			break
		}
	}
	close(jobs)
	wg.Wait()
	close(ordered)
	if err := <-done; err != nil {
		return err
	}
	return readErr
}

func answerCase(sidecars *sidecarOracle, line []byte) (answer []byte) {
	var g caseGroup
	res := caseResult{}
	defer func() {
		// istiod panics on some objects that its webhook would have refused; that is an answer, too.
		if p := recover(); p != nil {
			res.ID, res.Error, res.Results = g.ID, fmt.Sprintf("panic: %v", p), nil
			if os.Getenv("ORACLE_TRACE") != "" {
				buf := make([]byte, 1<<14)
				fmt.Fprintf(os.Stderr, "%s\n%s\n", g.ID, buf[:runtime.Stack(buf, false)])
			}
		}
		answer, _ = json.Marshal(res)
	}()
	if err := json.Unmarshal(line, &g); err != nil {
		res.Error = err.Error()
		return nil
	}
	res.ID = g.ID
	configs, err := caseConfigs(g.Policies)
	if err != nil {
		res.Error = err.Error()
		return nil
	}
	m, err := caseMesh(&g)
	if err != nil {
		res.Error = err.Error()
		return nil
	}
	if g.Validate {
		for _, c := range configs {
			s, _ := collections.PilotGatewayAPI().FindByGroupVersionKind(c.GroupVersionKind)
			if _, err := s.ValidateConfig(c); err != nil {
				res.Refusals = append(res.Refusals, fmt.Sprintf("%s %s/%s: %v", c.GroupVersionKind.Kind, c.Namespace, c.Name, err))
			}
		}
	}
	switch g.Dataplane {
	case "sidecar":
		res.Results, res.Filters, err = sidecars.judge(&g, m, configs)
	case "ztunnel":
		res.Results, err = judgeZtunnel(&g, m, configs)
	default:
		err = fmt.Errorf("dataplane %q", g.Dataplane)
	}
	if err != nil {
		res.Error, res.Results, res.Filters = err.Error(), nil, nil
	}
	return nil
}

func caseConfigs(objects []json.RawMessage) ([]config.Config, error) {
	var out []config.Config
	for _, o := range objects {
		var kind crd.IstioKind
		if err := json.Unmarshal(o, &kind); err != nil {
			return nil, err
		}
		gvk := kind.GroupVersionKind()
		s, ok := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(
			config.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
		if !ok {
			return nil, fmt.Errorf("unknown kind %v", gvk)
		}
		c, err := crd.ConvertObject(s, &kind, "cluster.local")
		if err != nil {
			return nil, err
		}
		if c.Namespace == "" {
			c.Namespace = "default"
		}
		out = append(out, *c)
	}
	return out, nil
}

func caseMesh(g *caseGroup) (*meshconfig.MeshConfig, error) {
	m := mesh.DefaultMeshConfig()
	m.TrustDomain = g.Workload.TrustDomain
	m.TrustDomainAliases = g.Workload.TrustDomainAliases
	m.RootNamespace = g.Workload.RootNamespace
	m.ExtensionProviders = nil
	for _, raw := range g.Mesh.ExtensionProviders {
		p := &meshconfig.MeshConfig_ExtensionProvider{}
		if err := protomarshal.UnmarshalAllowUnknown(raw, p); err != nil {
			return nil, err
		}
		m.ExtensionProviders = append(m.ExtensionProviders, p)
	}
	return m, nil
}
