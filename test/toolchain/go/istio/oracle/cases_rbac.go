package main

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// peer is what Envoy's network RBAC filter can see of a connection.
type peer struct {
	uri    string // URI SAN of the client certificate, empty without mTLS
	direct netip.Addr
	remote netip.Addr
	local  netip.Addr
	port   uint32
	sni    string
}

func peerOf(c caseConnection, terminatesTLS bool) (peer, error) {
	p := peer{port: uint32(c.Destination.Port), sni: strings.ToLower(c.SNI)} // Envoy keeps the SNI in lower case
	if c.Source.Principal != nil && terminatesTLS {
		p.uri = "spiffe://" + *c.Source.Principal
	}
	var err error
	parse := func(s string) netip.Addr {
		a, e := netip.ParseAddr(s)
		if e != nil {
			err = e
		}
		return a.Unmap() // a dual-stack socket shows an IPv4 peer as IPv4-mapped; Envoy makes it IPv4 again
	}
	p.direct = parse(c.Source.IP)
	p.remote = p.direct
	if c.Source.RemoteIP != "" {
		p.remote = parse(c.Source.RemoteIP)
	}
	p.local = parse(c.Destination.IP)
	return p, err
}

// matchedPolicy: Envoy tries the policies in the order of their names.
func matchedPolicy(r *rbacpb.RBAC, p peer) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(r.Policies)) {
		policy := r.Policies[name]
		ok, err := orOf(policy.Permissions, func(x *rbacpb.Permission) (bool, error) { return permissionMatches(x, p) })
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		ok, err = orOf(policy.Principals, func(x *rbacpb.Principal) (bool, error) { return principalMatches(x, p) })
		if err != nil {
			return "", err
		}
		if ok {
			return name, nil
		}
	}
	return "", nil
}

func orOf[T any](list []T, f func(T) (bool, error)) (bool, error) {
	for _, x := range list {
		if ok, err := f(x); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func andOf[T any](list []T, f func(T) (bool, error)) (bool, error) {
	for _, x := range list {
		if ok, err := f(x); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func permissionMatches(x *rbacpb.Permission, p peer) (bool, error) {
	again := func(x *rbacpb.Permission) (bool, error) { return permissionMatches(x, p) }
	switch r := x.Rule.(type) {
	case *rbacpb.Permission_Any:
		return r.Any, nil
	case *rbacpb.Permission_AndRules:
		return andOf(r.AndRules.Rules, again)
	case *rbacpb.Permission_OrRules:
		return orOf(r.OrRules.Rules, again)
	case *rbacpb.Permission_NotRule:
		ok, err := again(r.NotRule)
		return !ok, err
	case *rbacpb.Permission_DestinationPort:
		return r.DestinationPort == p.port, nil
	case *rbacpb.Permission_DestinationIp:
		return cidrContains(r.DestinationIp, p.local)
	case *rbacpb.Permission_RequestedServerName:
		return stringMatches(r.RequestedServerName, p.sni)
	case *rbacpb.Permission_Metadata:
		return false, nil // no filter before this one sets dynamic metadata on a TCP connection
	}
	return false, fmt.Errorf("permission %T on a TCP chain", x.Rule)
}

func principalMatches(x *rbacpb.Principal, p peer) (bool, error) {
	again := func(x *rbacpb.Principal) (bool, error) { return principalMatches(x, p) }
	switch r := x.Identifier.(type) {
	case *rbacpb.Principal_Any:
		return r.Any, nil
	case *rbacpb.Principal_AndIds:
		return andOf(r.AndIds.Ids, again)
	case *rbacpb.Principal_OrIds:
		return orOf(r.OrIds.Ids, again)
	case *rbacpb.Principal_NotId:
		ok, err := again(r.NotId)
		return !ok, err
	case *rbacpb.Principal_Authenticated_:
		if p.uri == "" {
			return false, nil
		}
		if r.Authenticated.PrincipalName == nil {
			return true, nil
		}
		return stringMatches(r.Authenticated.PrincipalName, p.uri)
	case *rbacpb.Principal_DirectRemoteIp:
		return cidrContains(r.DirectRemoteIp, p.direct)
	case *rbacpb.Principal_RemoteIp:
		return cidrContains(r.RemoteIp, p.remote)
	}
	return false, fmt.Errorf("principal %T on a TCP chain", x.Identifier)
}

func cidrContains(r *corev3.CidrRange, a netip.Addr) (bool, error) {
	base, err := netip.ParseAddr(r.AddressPrefix)
	if err != nil {
		return false, err
	}
	return netip.PrefixFrom(base, int(r.PrefixLen.GetValue())).Contains(a), nil
}

var compiled sync.Map // regular expression text -> *regexp.Regexp

func stringMatches(m *matcher.StringMatcher, v string) (bool, error) {
	if m.IgnoreCase {
		return false, fmt.Errorf("a string matcher that ignores case")
	}
	switch x := m.MatchPattern.(type) {
	case *matcher.StringMatcher_Exact:
		return v == x.Exact, nil
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(v, x.Prefix), nil
	case *matcher.StringMatcher_Suffix:
		return strings.HasSuffix(v, x.Suffix), nil
	case *matcher.StringMatcher_SafeRegex:
		re, ok := compiled.Load(x.SafeRegex.Regex)
		if !ok {
			made, err := regexp.Compile("^(?:" + x.SafeRegex.Regex + ")$") // Envoy matches the whole text
			if err != nil {
				return false, err
			}
			re, _ = compiled.LoadOrStore(x.SafeRegex.Regex, made)
		}
		return re.(*regexp.Regexp).MatchString(v), nil
	}
	return false, fmt.Errorf("string matcher %T", m.MatchPattern)
}
