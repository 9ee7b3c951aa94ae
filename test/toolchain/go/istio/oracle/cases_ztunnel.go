package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	_ "unsafe" // for go:linkname

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/api/security/v1beta1"
	securityclient "istio.io/client-go/pkg/apis/security/v1"
	"istio.io/istio/pilot/pkg/model"
	_ "istio.io/istio/pilot/pkg/serviceregistry/ambient"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/workloadapi/security"
)

// istiod's own conversions for ztunnel. They are not exported; linking to them keeps them Istio's code, not a copy.

//go:linkname convertAuthorizationPolicy istio.io/istio/pilot/pkg/serviceregistry/ambient.convertAuthorizationPolicy
func convertAuthorizationPolicy(rootns string, obj *securityclient.AuthorizationPolicy) (*security.Authorization, *model.StatusMessage)

//go:linkname convertedSelectorPeerAuthentications istio.io/istio/pilot/pkg/serviceregistry/ambient.convertedSelectorPeerAuthentications
func convertedSelectorPeerAuthentications(rootNamespace string, configs []*securityclient.PeerAuthentication) []string

//go:linkname convertPeerAuthentication istio.io/istio/pilot/pkg/serviceregistry/ambient.convertPeerAuthentication
func convertPeerAuthentication(rootNamespace string, cfg, nsCfg, rootCfg *securityclient.PeerAuthentication) *security.Authorization

//go:linkname getOldestPeerAuthn istio.io/istio/pilot/pkg/serviceregistry/ambient.getOldestPeerAuthn
func getOldestPeerAuthn(policies []*securityclient.PeerAuthentication) *securityclient.PeerAuthentication

const staticStrict = "istio_converted_static_strict"

// ztunnelPolicy is a converted policy, and for each of its groups the rule that it was made from.
type ztunnelPolicy struct {
	*security.Authorization
	rules []int
	// Of a PeerAuthentication, which is no policy with rules of its own.
	peer bool
}

// judgeZtunnel attaches policies to the workload as ambient's buildWorkloadPolicies does, then decides as ztunnel does.
func judgeZtunnel(g *caseGroup, m *meshconfig.MeshConfig, configs []config.Config) ([]caseVerdict, error) {
	root := m.RootNamespace
	var attached []ztunnelPolicy
	var peers []*securityclient.PeerAuthentication
	for i, c := range configs {
		switch c.GroupVersionKind {
		case gvk.AuthorizationPolicy:
			// Decoded as istiod's client decodes it: that an empty selector stays different from none matters here.
			obj := &securityclient.AuthorizationPolicy{}
			if err := json.Unmarshal(g.Policies[i], obj); err != nil {
				return nil, err
			}
			obj.Namespace = c.Namespace
			a, _ := convertAuthorizationPolicy(root, obj)
			if a == nil || !attaches(a, obj.Spec.GetSelector().GetMatchLabels(), root, &g.Workload) {
				continue
			}
			attached = append(attached, ztunnelPolicy{Authorization: a, rules: rulesOfGroups(root, obj)})
		case gvk.PeerAuthentication:
			obj := &securityclient.PeerAuthentication{}
			if err := json.Unmarshal(g.Policies[i], obj); err != nil {
				return nil, err
			}
			obj.Namespace = c.Namespace
			peers = append(peers, obj)
		}
	}
	// ztunnel goes through the namespace's policies, the mesh's, then the workload's. The first two have no order in
	// ztunnel; by name, the verdict can be compared with the rule that decides.
	order := map[security.Scope]int{security.Scope_NAMESPACE: 0, security.Scope_GLOBAL: 1, security.Scope_WORKLOAD_SELECTOR: 2}
	slices.SortFunc(attached, func(a, b ztunnelPolicy) int {
		return cmp.Or(order[a.Scope]-order[b.Scope], cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
	})
	for _, a := range strictPolicies(g, root, peers) {
		attached = append(attached, ztunnelPolicy{Authorization: a, peer: true})
	}

	out := make([]caseVerdict, 0, len(g.Connections))
	for _, c := range g.Connections {
		v, err := ztunnelVerdict(attached, c)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func attaches(a *security.Authorization, selector map[string]string, root string, w *caseWorkload) bool {
	switch a.Scope {
	case security.Scope_GLOBAL:
		return true
	case security.Scope_NAMESPACE:
		return a.Namespace == w.Namespace
	}
	if selector == nil || (a.Namespace != root && a.Namespace != w.Namespace) {
		return false
	}
	return labels.Instance(selector).SubsetOf(w.Labels)
}

// rulesOfGroups finds out which rule each group was made from, by converting the rules one at a time: istiod leaves out
// an ALLOW rule with HTTP attributes.
func rulesOfGroups(root string, obj *securityclient.AuthorizationPolicy) []int {
	var out []int
	for i, rule := range obj.Spec.Rules {
		one := obj.DeepCopy()
		one.Spec.Rules = []*v1beta1.Rule{rule}
		if a, _ := convertAuthorizationPolicy(root, one); a != nil && len(a.Groups) > 0 {
			out = append(out, i)
		}
	}
	return out
}

// strictPolicies: the DENY policies that PeerAuthentication becomes, as PolicyCollections and fetchPeerAuthentications do.
func strictPolicies(g *caseGroup, root string, peers []*securityclient.PeerAuthentication) []*security.Authorization {
	var mine, ns, rootPols []*securityclient.PeerAuthentication
	for _, p := range peers {
		if p.Spec.Selector == nil && p.Namespace == g.Workload.Namespace {
			ns = append(ns, p)
		}
		if p.Spec.Selector == nil && p.Namespace == root {
			rootPols = append(rootPols, p)
		}
		switch {
		case p.Namespace == root && p.Spec.Selector == nil:
			mine = append(mine, p)
		case p.Namespace != g.Workload.Namespace:
		case p.Spec.Selector == nil || labels.Instance(p.Spec.Selector.MatchLabels).SubsetOf(g.Workload.Labels):
			mine = append(mine, p)
		}
	}
	var out []*security.Authorization
	for _, key := range convertedSelectorPeerAuthentications(root, mine) {
		namespace, name, _ := strings.Cut(key, "/")
		if name == staticStrict {
			out = append(out, &security.Authorization{
				Name: name, Namespace: namespace, Scope: security.Scope_WORKLOAD_SELECTOR, Action: security.Action_DENY,
				Groups: []*security.Group{{Rules: []*security.Rules{{Matches: []*security.Match{{
					NotPrincipals: []*security.StringMatch{{MatchType: &security.StringMatch_Presence{}}},
				}}}}}},
			})
			continue
		}
		for _, p := range peers {
			if p.Namespace != namespace || model.GetAmbientPolicyConfigName(model.ConfigKey{Kind: peerAuthenticationKind, Name: p.Name, Namespace: p.Namespace}) != name {
				continue
			}
			if p.Namespace == root || p.Spec.Selector == nil || len(p.Spec.PortLevelMtls) == 0 {
				continue
			}
			if a := convertPeerAuthentication(root, p, getOldestPeerAuthn(ns), getOldestPeerAuthn(rootPols)); a != nil {
				out = append(out, a)
			}
		}
	}
	return out
}

type ztunnelPeer struct {
	id, namespace, serviceAccount string
}

// ztunnelVerdict follows assert_rbac in ztunnel's src/state.rs.
func ztunnelVerdict(attached []ztunnelPolicy, c caseConnection) (caseVerdict, error) {
	var deny, allow []ztunnelPolicy
	for _, a := range attached {
		if a.Action == security.Action_ALLOW {
			allow = append(allow, a)
		} else {
			deny = append(deny, a)
		}
	}
	for _, a := range deny {
		rule, err := ztunnelMatches(a, c)
		if err != nil {
			return caseVerdict{}, err
		}
		if rule >= 0 {
			if a.peer {
				return caseVerdict{Verdict: "deny", Step: "peer-authentication"}, nil
			}
			return caseVerdict{Verdict: "deny", Step: "DENY", By: &caseBy{Policy: a.Namespace + "/" + a.Name, Rule: a.rules[rule]}}, nil
		}
	}
	if len(allow) == 0 {
		return caseVerdict{Verdict: "allow"}, nil
	}
	for _, a := range allow {
		rule, err := ztunnelMatches(a, c)
		if err != nil {
			return caseVerdict{}, err
		}
		if rule >= 0 {
			return caseVerdict{Verdict: "allow", Step: "ALLOW", By: &caseBy{Policy: a.Namespace + "/" + a.Name, Rule: a.rules[rule]}}, nil
		}
	}
	return caseVerdict{Verdict: "deny", Step: "ALLOW"}, nil
}

// ztunnelMatches follows Authorization::matches in ztunnel's src/rbac.rs; it gives the group's index, or -1.
func ztunnelMatches(a ztunnelPolicy, c caseConnection) (int, error) {
	peer := ztunnelPeer{}
	if c.Source.Principal != nil {
		peer.id = *c.Source.Principal
		parts := strings.Split(peer.id, "/")
		if len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" {
			return 0, fmt.Errorf("%q is not a SPIFFE identity as ztunnel knows it", peer.id)
		}
		peer.namespace, peer.serviceAccount = parts[2], parts[4]
	}
	src, err := netip.ParseAddr(c.Source.IP)
	if err != nil {
		return 0, err
	}
	dst, err := netip.ParseAddr(c.Destination.IP)
	if err != nil {
		return 0, err
	}
	for i, group := range a.Groups {
		all := true
		for _, clause := range group.Rules {
			all = all && ztunnelClause(clause, peer, src.Unmap(), dst.Unmap(), c.Destination.Port)
		}
		if all {
			return i, nil
		}
	}
	return -1, nil
}

func ztunnelClause(clause *security.Rules, peer ztunnelPeer, src, dst netip.Addr, port int) bool {
	if len(clause.Matches) == 0 {
		return true
	}
	for _, m := range clause.Matches {
		if emptyMatch(m) {
			continue
		}
		if both(m.DestinationIps, m.NotDestinationIps, func(a *security.Address) bool { return inAddress(a, dst) }) &&
			both(m.SourceIps, m.NotSourceIps, func(a *security.Address) bool { return inAddress(a, src) }) &&
			both(m.DestinationPorts, m.NotDestinationPorts, func(p uint32) bool { return int(p) == port }) &&
			both(m.ServiceAccounts, m.NotServiceAccounts, func(s *security.ServiceAccountMatch) bool {
				return peer.id != "" && s.Namespace == peer.namespace && s.ServiceAccount == peer.serviceAccount
			}) &&
			both(m.Principals, m.NotPrincipals, func(s *security.StringMatch) bool { return peer.id != "" && ztunnelString(s, peer.id) }) &&
			both(m.Namespaces, m.NotNamespaces, func(s *security.StringMatch) bool { return ztunnelString(s, peer.namespace) }) {
			return true
		}
	}
	return false
}

func both[T any](yes, no []T, match func(T) bool) bool {
	any := func(list []T) bool {
		for _, x := range list {
			if match(x) {
				return true
			}
		}
		return false
	}
	return (len(yes) == 0 || any(yes)) && (len(no) == 0 || !any(no))
}

func emptyMatch(m *security.Match) bool {
	return len(m.Namespaces)+len(m.NotNamespaces)+len(m.ServiceAccounts)+len(m.NotServiceAccounts)+len(m.Principals)+
		len(m.NotPrincipals)+len(m.SourceIps)+len(m.NotSourceIps)+len(m.DestinationIps)+len(m.NotDestinationIps)+
		len(m.DestinationPorts)+len(m.NotDestinationPorts) == 0
}

// inAddress: an IpNet of the address as it was sent (an IPv4-mapped one stays IPv6) against a canonical address.
func inAddress(a *security.Address, ip netip.Addr) bool {
	base, ok := netip.AddrFromSlice(a.Address)
	return ok && netip.PrefixFrom(base, int(a.Length)).Contains(ip)
}

func ztunnelString(s *security.StringMatch, v string) bool {
	switch x := s.MatchType.(type) {
	case *security.StringMatch_Prefix:
		return strings.HasPrefix(v, x.Prefix)
	case *security.StringMatch_Suffix:
		return strings.HasSuffix(v, x.Suffix)
	case *security.StringMatch_Exact:
		return v == x.Exact
	case *security.StringMatch_Presence:
		return v != ""
	}
	return false
}
