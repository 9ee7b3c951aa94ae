package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointpb "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	redispb "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/redis_proxy/v3"
	tcpproxy "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlspb "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/test"
)

// A world: objects, and the proxies whose configuration is asked for. What istiod answers is cut down to what decides
// where a TCP connection goes; it is not interpreted here.
type world struct {
	ID         string            `json:"id"`
	Objects    []json.RawMessage `json:"objects"`
	MeshConfig string            `json:"meshConfig"`
	Proxies    []proxySpec       `json:"proxies"`
}

type xdsChain struct {
	Ranges       []string          `json:"ranges,omitempty"`
	ServerNames  []string          `json:"serverNames,omitempty"`
	Transport    string            `json:"transport,omitempty"`
	Applications []string          `json:"applications,omitempty"`
	Port         uint32            `json:"port,omitempty"`
	TLS          string            `json:"tls,omitempty"`
	HTTP         bool              `json:"http,omitempty"`
	Clusters     map[string]uint32 `json:"clusters,omitempty"`
}

type xdsListener struct {
	Name      string     `json:"name"`
	Addresses []string   `json:"addresses"`
	Port      uint32     `json:"port"`
	Original  bool       `json:"original,omitempty"`
	Binds     bool       `json:"binds,omitempty"`
	Filters   []string   `json:"filters,omitempty"`
	Chains    []xdsChain `json:"chains"`
	Default   *xdsChain  `json:"default,omitempty"`
}

type xdsSocket struct {
	Match map[string]string `json:"match,omitempty"`
	Mode  string            `json:"mode"` // plaintext | ISTIO_MUTUAL | SIMPLE | MUTUAL
	SNI   string            `json:"sni,omitempty"`
}

type xdsEndpoint struct {
	Address string `json:"address"`
	Port    uint32 `json:"port"`
	TLSMode string `json:"tlsMode,omitempty"`
	Mode    string `json:"mode"`
}

type xdsCluster struct {
	Name      string        `json:"name"`
	Type      string        `json:"type"`
	Endpoints []xdsEndpoint `json:"endpoints,omitempty"`
	Sockets   []xdsSocket   `json:"sockets,omitempty"`
	Mode      string        `json:"mode"`
	Port      uint32        `json:"port,omitempty"`
}

type xdsProxy struct {
	Listeners []xdsListener `json:"listeners"`
	Clusters  []xdsCluster  `json:"clusters"`
}

type worldAnswer struct {
	ID      string              `json:"id"`
	Error   string              `json:"error,omitempty"`
	Proxies map[string]xdsProxy `json:"proxies,omitempty"`
}

// runWorlds answers each line of worlds with a line. A world that istiod does not take is an error of its own.
func runWorlds(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 1<<20), 64<<20)
	encode := json.NewEncoder(out)
	for lines.Scan() {
		var w world
		answer := worldAnswer{}
		if err := json.Unmarshal(lines.Bytes(), &w); err != nil {
			answer.Error = err.Error()
		} else {
			answer.ID = w.ID
			err := test.Wrap(func(t test.Failer) { answer.Proxies = configurations(t, w) })
			if err != nil {
				answer.Error = err.Error()
			}
		}
		if err := encode.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func configurations(t test.Failer, w world) map[string]xdsProxy {
	m := mesh.DefaultMeshConfig()
	if w.MeshConfig != "" {
		var err error
		if m, err = mesh.ApplyMeshConfig(w.MeshConfig, m); err != nil {
			t.Fatal(err)
		}
	}
	docs := make([]string, 0, len(w.Objects))
	for _, o := range w.Objects {
		docs = append(docs, string(o))
	}
	kobj, iobj := split(strings.Join(docs, "\n---\n"))
	s := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{KubernetesObjectString: kobj, ConfigString: iobj, MeshConfig: m})
	out := map[string]xdsProxy{}
	for _, p := range w.Proxies {
		px := setupProxy(s, p)
		out[p.Name] = xdsProxy{Listeners: cutListeners(t, s.Listeners(px)), Clusters: cutClusters(t, s.Clusters(px), s.Endpoints(px))}
	}
	return out
}

func setupProxy(s *xds.FakeDiscoveryServer, p proxySpec) *model.Proxy {
	kind := model.SidecarProxy
	if p.Type == "router" {
		kind = model.Router
	}
	if p.Version == "" {
		p.Version = "1.31.0"
	}
	return s.SetupProxy(&model.Proxy{
		Type: kind, ID: p.Name + "." + p.Namespace, ConfigNamespace: p.Namespace, IPAddresses: []string{p.IP}, Labels: p.Labels,
		Metadata: &model.NodeMetadata{
			Namespace: p.Namespace, Labels: p.Labels, ServiceAccount: p.ServiceAccount,
			IstioVersion: p.Version, ClusterID: "Kubernetes", DNSCapture: model.StringBool(p.DNSCapture),
		},
	})
}

func cutListeners(t test.Failer, ls []*listener.Listener) []xdsListener {
	out := []xdsListener{}
	for _, l := range ls {
		a := l.GetAddress().GetSocketAddress()
		x := xdsListener{
			Name: l.Name, Addresses: []string{a.GetAddress()}, Port: a.GetPortValue(), Original: l.GetUseOriginalDst().GetValue(),
			Binds: l.BindToPort == nil || l.BindToPort.GetValue(), Chains: []xdsChain{},
		}
		for _, more := range l.AdditionalAddresses {
			x.Addresses = append(x.Addresses, more.GetAddress().GetSocketAddress().GetAddress())
		}
		for _, f := range l.ListenerFilters {
			x.Filters = append(x.Filters, f.Name)
		}
		for _, c := range l.FilterChains {
			x.Chains = append(x.Chains, cutChain(t, c))
		}
		if l.DefaultFilterChain != nil {
			c := cutChain(t, l.DefaultFilterChain)
			x.Default = &c
		}
		out = append(out, x)
	}
	return out
}

func cutChain(t test.Failer, c *listener.FilterChain) xdsChain {
	m := c.GetFilterChainMatch()
	x := xdsChain{
		ServerNames: m.GetServerNames(), Transport: m.GetTransportProtocol(), Applications: m.GetApplicationProtocols(),
		Port: m.GetDestinationPort().GetValue(),
	}
	for _, r := range m.GetPrefixRanges() {
		x.Ranges = append(x.Ranges, fmt.Sprintf("%s/%d", r.AddressPrefix, r.GetPrefixLen().GetValue()))
	}
	if c.TransportSocket != nil {
		d := &tlspb.DownstreamTlsContext{}
		if err := c.TransportSocket.GetTypedConfig().UnmarshalTo(d); err != nil {
			t.Fatal(err)
		}
		x.TLS = "SIMPLE"
		if d.GetRequireClientCertificate().GetValue() {
			x.TLS = "MUTUAL"
			for _, cert := range d.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs() {
				if cert.Name == "default" {
					x.TLS = "ISTIO_MUTUAL"
				}
			}
		}
	}
	for _, f := range c.Filters {
		typed := f.GetTypedConfig()
		switch typed.GetTypeUrl() {
		case "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager":
			x.HTTP = true
		case "type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy":
			r := &redispb.RedisProxy{}
			if err := typed.UnmarshalTo(r); err != nil {
				t.Fatal(err)
			}
			x.Clusters = map[string]uint32{r.GetPrefixRoutes().GetCatchAllRoute().GetCluster(): 100}
		case "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":
			p := &tcpproxy.TcpProxy{}
			if err := typed.UnmarshalTo(p); err != nil {
				t.Fatal(err)
			}
			x.Clusters = map[string]uint32{}
			if name := p.GetCluster(); name != "" {
				x.Clusters[name] = 100
			}
			for _, wc := range p.GetWeightedClusters().GetClusters() {
				x.Clusters[wc.Name] += wc.GetWeight()
			}
		}
	}
	return x
}

// upstream is what a transport socket sends: Istio's own certificate is the secret named "default".
func upstream(t test.Failer, socket *corev3.TransportSocket) xdsSocket {
	typed := socket.GetTypedConfig()
	if typed == nil || typed.GetTypeUrl() != "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" {
		return xdsSocket{Mode: "plaintext"}
	}
	u := &tlspb.UpstreamTlsContext{}
	if err := typed.UnmarshalTo(u); err != nil {
		t.Fatal(err)
	}
	x := xdsSocket{Mode: "SIMPLE", SNI: u.Sni}
	certs := u.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()
	if len(certs) > 0 || len(u.GetCommonTlsContext().GetTlsCertificates()) > 0 {
		x.Mode = "MUTUAL"
	}
	for _, cert := range certs {
		if cert.Name == "default" {
			x.Mode = "ISTIO_MUTUAL"
		}
	}
	return x
}

func cutClusters(t test.Failer, cs []*cluster.Cluster, las []*endpointpb.ClusterLoadAssignment) []xdsCluster {
	assigned := map[string]*endpointpb.ClusterLoadAssignment{}
	for _, la := range las {
		assigned[la.ClusterName] = la
	}
	out := []xdsCluster{}
	for _, c := range cs {
		x := xdsCluster{Name: c.Name, Type: c.GetType().String(), Mode: upstream(t, c.TransportSocket).Mode}
		for _, m := range c.TransportSocketMatches {
			s := upstream(t, m.TransportSocket)
			s.Match = map[string]string{}
			for k, v := range m.GetMatch().GetFields() {
				s.Match[k] = v.GetStringValue()
			}
			x.Sockets = append(x.Sockets, s)
		}
		x.Port = c.GetOriginalDstLbConfig().GetUpstreamPortOverride().GetValue()
		la := c.LoadAssignment
		if la == nil {
			la = assigned[c.Name]
		}
		for _, group := range la.GetEndpoints() {
			for _, e := range group.LbEndpoints {
				x.Endpoints = append(x.Endpoints, cutEndpoint(x, e))
			}
		}
		out = append(out, x)
	}
	return out
}

func cutEndpoint(c xdsCluster, e *endpointpb.LbEndpoint) xdsEndpoint {
	a := e.GetEndpoint().GetAddress().GetSocketAddress()
	x := xdsEndpoint{Address: a.GetAddress(), Port: a.GetPortValue(), Mode: c.Mode}
	labels := map[string]string{}
	for k, v := range e.GetMetadata().GetFilterMetadata()["envoy.transport_socket_match"].GetFields() {
		labels[k] = v.GetStringValue()
	}
	x.TLSMode = labels["tlsMode"]
	// Envoy takes the first match whose labels the endpoint has.
	for _, s := range c.Sockets {
		all := true
		for k, v := range s.Match {
			all = all && labels[k] == v
		}
		if all {
			x.Mode = s.Mode
			break
		}
	}
	return x
}
