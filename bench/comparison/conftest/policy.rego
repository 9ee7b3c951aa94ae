# What a careful team would write after the documentation's examples: one rule for each mistake it has heard of. Written
# before the change sets were run through it, and not fitted to them afterwards.
package main

# mTLS is STRICT everywhere.
deny contains msg if {
	input.kind == "PeerAuthentication"
	some path, mode
	walk(input.spec, [path, mode])
	path[count(path) - 1] == "mode"
	mode != "STRICT"
	msg := sprintf("PeerAuthentication %s/%s: mode %s; only STRICT is allowed", [input.metadata.namespace, input.metadata.name, mode])
}

# No DestinationRule turns TLS off.
deny contains msg if {
	input.kind == "DestinationRule"
	input.spec.trafficPolicy.tls.mode == "DISABLE"
	msg := sprintf("DestinationRule %s/%s turns TLS off", [input.metadata.namespace, input.metadata.name])
}

# Every ALLOW rule names who.
deny contains msg if {
	input.kind == "AuthorizationPolicy"
	object.get(input.spec, "action", "ALLOW") == "ALLOW"
	some rule in input.spec.rules
	not rule.from
	msg := sprintf("AuthorizationPolicy %s/%s: an ALLOW rule without from", [input.metadata.namespace, input.metadata.name])
}

# No NetworkPolicy is open to everybody.
deny contains msg if {
	input.kind == "NetworkPolicy"
	some rule in object.get(input.spec, "ingress", [])
	not rule.from
	msg := sprintf("NetworkPolicy %s/%s: an ingress rule without from", [input.metadata.namespace, input.metadata.name])
}

deny contains msg if {
	input.kind == "NetworkPolicy"
	some rule in object.get(input.spec, "egress", [])
	not rule.to
	msg := sprintf("NetworkPolicy %s/%s: an egress rule without to", [input.metadata.namespace, input.metadata.name])
}

deny contains msg if {
	input.kind == "NetworkPolicy"
	some path, cidr
	walk(input.spec, [path, cidr])
	path[count(path) - 1] == "cidr"
	to_number(split(cidr, "/")[1]) < 16
	msg := sprintf("NetworkPolicy %s/%s: %s is wider than /16", [input.metadata.namespace, input.metadata.name, cidr])
}

# No IAM statement allows a pattern.
deny contains msg if {
	some path, statement
	walk(input, [path, statement])
	statement.Effect == "Allow"
	some key in ["Action", "Resource"]
	some value in as_list(statement[key])
	contains(value, "*")
	msg := sprintf("IAM: %s %s has a wildcard", [key, value])
}

as_list(value) := value if is_array(value)

as_list(value) := [value] if is_string(value)
