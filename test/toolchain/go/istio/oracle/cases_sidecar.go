package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	extauthz "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	netrbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	"k8s.io/apimachinery/pkg/types"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/protocol"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/kind"
	"istio.io/istio/pkg/test"
)

const peerAuthenticationKind = kind.PeerAuthentication

const workloadAddress = "10.0.0.10"

// Ports that a Service declares on the workload (service port, workload port): declared and undeclared ports have
// filter chains of their own.
var declaredPorts = [][2]int{{5432, 5432}, {6379, 16379}}

// Hosts that an extension provider may name and istiod can resolve.
var authorizerHosts = []string{"authorizer.auth.svc.cluster.local", "authorizer2.auth.svc.cluster.local"}

// noGateways stands for the Gateway API controller, which istiod asks about inference pools when a workload has a
// gateway's label; there are none here.
type noGateways struct{ model.GatewayController }

func (noGateways) Reconcile(*model.PushContext)               {}
func (noGateways) HasInferencePool(types.NamespacedName) bool { return false }

// sidecarOracle keeps what is the same for every case: the service registry.
type sidecarOracle struct {
	base *core.ConfigGenTest
	sim  *simulation.Simulation
}

func newSidecarOracle(t test.Failer) *sidecarOracle {
	workload := &model.Service{Hostname: "declared.default.svc.cluster.local", DefaultAddress: "10.96.0.1",
		Attributes: model.ServiceAttributes{Name: "declared", Namespace: "default"}}
	for _, p := range declaredPorts {
		workload.Ports = append(workload.Ports, &model.Port{Name: fmt.Sprintf("tcp-%d", p[0]), Port: p[0], Protocol: protocol.TCP})
	}
	services := []*model.Service{workload}
	for i, h := range authorizerHosts {
		services = append(services, &model.Service{Hostname: host.Name(h), DefaultAddress: fmt.Sprintf("10.96.0.%d", 10+i),
			Ports:      model.PortList{{Name: "grpc", Port: 9000, Protocol: protocol.GRPC}},
			Attributes: model.ServiceAttributes{Name: "authorizer", Namespace: "auth"}})
	}
	var instances []*model.ServiceInstance
	for i, p := range declaredPorts {
		instances = append(instances, &model.ServiceInstance{Service: workload, ServicePort: workload.Ports[i],
			Endpoint: &model.IstioEndpoint{Addresses: []string{workloadAddress}, EndpointPort: uint32(p[1]), ServicePortName: workload.Ports[i].Name}})
	}
	base := core.NewConfigGenTest(t, core.TestOptions{Services: services, Instances: instances})
	return &sidecarOracle{base: base, sim: simulation.NewSimulationFromConfigGen(&testing.T{}, base, base.SetupProxy(nil))}
}

func (s *sidecarOracle) listeners(g *caseGroup, m *meshconfig.MeshConfig, configs []config.Config) ([]*listener.Listener, error) {
	store := memory.MakeSkipValidation(collections.PilotGatewayAPI())
	for _, c := range configs {
		if _, err := store.Create(c); err != nil {
			return nil, err
		}
	}
	base := s.base.Env()
	env := model.NewEnvironment()
	env.Watcher = meshwatcher.NewTestWatcher(m)
	env.ServiceDiscovery = base.ServiceDiscovery
	env.ConfigStore = store
	env.VirtualServiceController = base.VirtualServiceController
	env.NetworksWatcher = base.NetworksWatcher
	env.NetworkManager = base.NetworkManager
	env.EndpointIndex = base.EndpointIndex
	env.GatewayAPIController = noGateways{}
	env.Init()
	push := env.PushContext()
	push.InitContext(env, nil, nil)

	p := &model.Proxy{
		Type: model.SidecarProxy, ID: "workload." + g.Workload.Namespace, ConfigNamespace: g.Workload.Namespace,
		IPAddresses: []string{workloadAddress}, Labels: g.Workload.Labels, DNSDomain: g.Workload.Namespace + ".svc.cluster.local",
		Metadata: &model.NodeMetadata{Namespace: g.Workload.Namespace, Labels: g.Workload.Labels, IstioVersion: "1.31.0", ClusterID: "Kubernetes"},
	}
	p.IstioVersion = model.ParseIstioVersion(p.Metadata.IstioVersion)
	p.SetSidecarScope(push)
	p.SetServiceTargets(env.ServiceDiscovery)
	p.SetGatewaysForProxy(push)
	p.DiscoverIPMode()
	return s.base.ConfigGen.BuildListeners(p, push), nil
}

func (s *sidecarOracle) judge(g *caseGroup, m *meshconfig.MeshConfig, configs []config.Config) ([]caseVerdict, []json.RawMessage, error) {
	ls, err := s.listeners(g, m, configs)
	if err != nil {
		return nil, nil, err
	}
	sim := *s.sim
	sim.Listeners = ls
	chains := map[*listener.FilterChain]*chainFilters{}
	out := make([]caseVerdict, 0, len(g.Connections))
	var filters []json.RawMessage
	for i, c := range g.Connections {
		v, chain, err := judgeConnection(&sim, chains, g.Authorizer, c)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, v)
		if i == 0 && g.Filters && chain != nil {
			for _, f := range chain.Filters {
				if f.GetTypedConfig().GetTypeUrl() == rbacFilter {
					filters = append(filters, pj(f))
				}
			}
		}
	}
	return out, filters, nil
}

const rbacFilter = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"

func judgeConnection(sim *simulation.Simulation, chains map[*listener.FilterChain]*chainFilters, authorizer string, c caseConnection) (caseVerdict, *listener.FilterChain, error) {
	call := simulation.Call{Address: c.Destination.IP, Port: c.Destination.Port, Protocol: simulation.TCP,
		TLS: simulation.Plaintext, Sni: c.SNI, CallMode: simulation.CallModeInbound}
	if c.Source.Principal != nil {
		call.TLS = simulation.MTLS
	}
	var chain *listener.FilterChain
	call.CustomListenerValidations = []simulation.CustomFilterChainValidation{func(fc *listener.FilterChain) error { chain = fc; return nil }}
	r := sim.Run(call)
	if r.Error != nil {
		return caseVerdict{Verdict: "deny", Step: "peer-authentication"}, nil, nil
	}
	if chain == nil {
		return caseVerdict{}, nil, fmt.Errorf("no filter chain for port %d", c.Destination.Port)
	}
	filters := chains[chain]
	if filters == nil {
		var err error
		if filters, err = readChain(chain); err != nil {
			return caseVerdict{}, nil, err
		}
		chains[chain] = filters
	}
	peer, err := peerOf(c, filters.terminatesTLS)
	if err != nil {
		return caseVerdict{}, nil, err
	}
	verdict, err := filters.judge(peer, authorizer)
	return verdict, chain, err
}

type chainFilters struct {
	terminatesTLS bool
	filters       []any // *netrbac.RBAC | *extauthz.ExtAuthz
}

func readChain(fc *listener.FilterChain) (*chainFilters, error) {
	out := &chainFilters{terminatesTLS: fc.TransportSocket != nil}
	for _, f := range fc.Filters {
		switch f.GetTypedConfig().GetTypeUrl() {
		case rbacFilter:
			x := &netrbac.RBAC{}
			if err := f.GetTypedConfig().UnmarshalTo(x); err != nil {
				return nil, err
			}
			out.filters = append(out.filters, x)
		case "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz":
			x := &extauthz.ExtAuthz{}
			if err := f.GetTypedConfig().UnmarshalTo(x); err != nil {
				return nil, err
			}
			out.filters = append(out.filters, x)
		}
	}
	return out, nil
}

// judge runs the filters in their order, as Envoy does on a connection's first byte.
func (cf *chainFilters) judge(p peer, authorizer string) (caseVerdict, error) {
	verdict := caseVerdict{Verdict: "allow"}
	shadow := "" // the matched policy of the last RBAC filter in shadow mode, which the external authorization filter reads
	for _, f := range cf.filters {
		switch x := f.(type) {
		case *netrbac.RBAC:
			shadow = ""
			if x.ShadowRules != nil {
				var err error
				if shadow, err = matchedPolicy(x.ShadowRules, p); err != nil {
					return verdict, err
				}
			}
			if x.Rules == nil {
				continue
			}
			matched, err := matchedPolicy(x.Rules, p)
			if err != nil {
				return verdict, err
			}
			by, custom, err := policyOf(matched)
			if err != nil {
				return verdict, err
			}
			switch x.Rules.Action {
			case rbacpb.RBAC_DENY:
				if matched != "" {
					step := "DENY"
					if custom {
						step = "CUSTOM"
					}
					return caseVerdict{Verdict: "deny", By: by, Step: step}, nil
				}
			case rbacpb.RBAC_ALLOW:
				if matched == "" {
					return caseVerdict{Verdict: "deny", Step: "ALLOW"}, nil
				}
				verdict.By, verdict.Step = by, "ALLOW"
			}
		case *extauthz.ExtAuthz:
			prefix := x.FilterEnabledMetadata.GetValue().GetStringMatch().GetPrefix()
			if shadow == "" || prefix == "" || len(shadow) < len(prefix) || shadow[:len(prefix)] != prefix {
				continue
			}
			if authorizer != "allow" {
				by, _, err := policyOf(shadow)
				if err != nil {
					return verdict, err
				}
				return caseVerdict{Verdict: "deny", By: by, Step: "CUSTOM"}, nil
			}
		}
	}
	return verdict, nil
}

var policyName = regexp.MustCompile(`^(istio-ext-authz-.*)?ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\](?:-deny-due-to-bad-CUSTOM-action)?$`)

func policyOf(name string) (*caseBy, bool, error) {
	if name == "" {
		return nil, false, nil
	}
	m := policyName.FindStringSubmatch(name)
	if m == nil {
		return nil, false, fmt.Errorf("policy name %q", name)
	}
	rule, err := strconv.Atoi(m[4])
	return &caseBy{Policy: m[2] + "/" + m[3], Rule: rule}, m[1] != "", err
}
