// Judges single packets under Kubernetes NetworkPolicies, with other people's code: cyclonus' matcher combines the
// rules, and Kubernetes' own apimachinery decides what a label selector selects (cyclonus reads NotIn differently).
// One JSON question per line on standard input, one line of 0s and 1s per question on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// side is a pod, or an address outside of the cluster.
type side struct {
	Address   string             `json:"address"`
	Namespace string             `json:"namespace"`
	Labels    map[string]string  `json:"labels"`
	Ports     []v1.ContainerPort `json:"ports"`
}

// question asks about every pair of sides, then every protocol, then every port, in this order.
type question struct {
	Namespaces map[string]map[string]string  `json:"namespaces"`
	Policies   []*networkingv1.NetworkPolicy `json:"policies"`
	Sides      []side                        `json:"sides"`
	Protocols  []v1.Protocol                 `json:"protocols"`
	Ports      []int                         `json:"ports"`
}

// selectors gives each selector a label of its own, which those get that apimachinery says it selects.
type selectors struct{ known []labels.Selector }

func (s *selectors) replace(selector *metav1.LabelSelector) {
	if selector == nil || len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		panic(err)
	}
	s.known = append(s.known, parsed)
	*selector = metav1.LabelSelector{MatchLabels: map[string]string{label(len(s.known) - 1): "yes"}}
}

func (s *selectors) labels(of map[string]string) map[string]string {
	found := map[string]string{}
	for i, selector := range s.known {
		if selector.Matches(labels.Set(of)) {
			found[label(i)] = "yes"
		}
	}
	return found
}

func label(i int) string { return fmt.Sprintf("selector-%d", i) }

func (s *selectors) replaceAll(policy *networkingv1.NetworkPolicy) {
	s.replace(&policy.Spec.PodSelector)
	peers := []networkingv1.NetworkPolicyPeer{}
	for _, rule := range policy.Spec.Ingress {
		peers = append(peers, rule.From...)
	}
	for _, rule := range policy.Spec.Egress {
		peers = append(peers, rule.To...)
	}
	for _, peer := range peers {
		s.replace(peer.PodSelector)
		s.replace(peer.NamespaceSelector)
	}
}

// setDefaults does what the API server does on creation: cyclonus expects policies from a cluster.
func setDefaults(policy *networkingv1.NetworkPolicy) {
	if policy.Namespace == "" {
		policy.Namespace = v1.NamespaceDefault
	}
	if len(policy.Spec.PolicyTypes) > 0 {
		return
	}
	policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if len(policy.Spec.Egress) > 0 {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
}

func answer(q question) string {
	var all selectors
	for _, policy := range q.Policies {
		setDefaults(policy)
		all.replaceAll(policy)
	}
	// Not simplified: the shortcut is for people who read the result.
	policies := matcher.BuildNetworkPolicies(false, q.Policies)
	peers := make([]*matcher.TrafficPeer, len(q.Sides))
	for i, s := range q.Sides {
		if s.Address != "" {
			peers[i] = &matcher.TrafficPeer{IP: s.Address}
			continue
		}
		namespace := map[string]string{}
		for key, value := range q.Namespaces[s.Namespace] {
			namespace[key] = value
		}
		namespace[v1.LabelMetadataName] = s.Namespace
		internal := &matcher.InternalPeer{
			Namespace: s.Namespace, PodLabels: all.labels(s.Labels), NamespaceLabels: all.labels(namespace),
		}
		// An address that no IPv4 block holds: what a block means for a pod is left to the network plugin.
		peers[i] = &matcher.TrafficPeer{Internal: internal, IP: "2001:db8::1"}
	}
	var out strings.Builder
	for from := range q.Sides {
		for to := range q.Sides {
			for _, protocol := range q.Protocols {
				for _, port := range q.Ports {
					out.WriteByte(verdict(policies, peers[from], peers[to], q.Sides[to], protocol, port))
				}
			}
		}
	}
	return out.String()
}

func verdict(p *matcher.Policy, from, to *matcher.TrafficPeer, target side, protocol v1.Protocol, port int) byte {
	// A port may have several names, or none.
	names := []string{""}
	for _, each := range target.Ports {
		its := each.Protocol
		if its == "" {
			its = v1.ProtocolTCP
		}
		if its == protocol && int(each.ContainerPort) == port && each.Name != "" {
			names = append(names, each.Name)
		}
	}
	ingress, egress := false, false
	for _, name := range names {
		traffic := &matcher.Traffic{
			Source: from, Destination: to, ResolvedPort: port, ResolvedPortName: name, Protocol: protocol,
		}
		result := p.IsTrafficAllowed(traffic)
		ingress = ingress || result.Ingress.IsAllowed()
		egress = egress || result.Egress.IsAllowed()
	}
	if ingress && egress {
		return '1'
	}
	return '0'
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(out, answer(q))
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
