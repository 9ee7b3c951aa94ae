// validator: would the API server, with Istio's CRDs, and istiod's validating webhook accept this object?
//
//	validator -crds customresourcedefinitions.gen.yaml < cases.jsonl
//
// Each input line is {"id","object"}; each output line is {"id","verdict":"valid|invalid|warning","reasons":[...]}.
// The order of checks is the API server's own for a create with strict field validation: decode metadata, find
// unknown fields, prune nulls, default, validate the schema and list types, evaluate CEL. What it accepts goes through
// the handler of Istio's validating webhook, as the JSON of an AdmissionReview.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	structurallisttype "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	schemaobjectmeta "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	structuralpruning "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/storage/names"

	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/webhooks/validation/server"
)

type kindValidator struct {
	structural *structuralschema.Structural
	schema     validation.SchemaCreateValidator
	cel        *cel.Validator
}

type answer struct {
	ID      string   `json:"id"`
	Verdict string   `json:"verdict"`
	Stage   string   `json:"stage,omitempty"`
	Reasons []string `json:"reasons"`
}

func main() {
	crds := flag.String("crds", "", "customresourcedefinitions.gen.yaml of istio.io/api")
	flag.Parse()
	for _, s := range log.Scopes() {
		s.SetOutputLevel(log.NoneLevel)
	}
	kinds, err := load(*crds)
	if err != nil {
		fatal(err)
	}
	mux := http.NewServeMux()
	if _, err := server.New(server.Options{Schemas: collections.Pilot, DomainSuffix: "cluster.local", Mux: mux}); err != nil {
		fatal(err)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var c struct {
				ID     string          `json:"id"`
				Object json.RawMessage `json:"object"`
			}
			if err := json.Unmarshal(line, &c); err != nil {
				fatal(fmt.Errorf("%v: %s", err, line))
			}
			a := judge(kinds, mux, c.Object)
			a.ID = c.ID
			if a.Reasons == nil {
				a.Reasons = []string{}
			}
			b, err := json.Marshal(a)
			if err != nil {
				fatal(err)
			}
			out.Write(b)
			out.WriteByte('\n')
			if in.Buffered() == 0 {
				out.Flush()
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fatal(err)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "validator:", err)
	os.Exit(2)
}

func load(path string) (map[schema.GroupVersionKind]kindValidator, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	kinds := map[schema.GroupVersionKind]kindValidator{}
	dec := kubeyaml.NewYAMLOrJSONDecoder(f, 512*1024)
	for {
		un := &unstructured.Unstructured{}
		if err := dec.Decode(un); err == io.EOF {
			return kinds, nil
		} else if err != nil {
			return nil, err
		}
		if un.GetKind() != "CustomResourceDefinition" {
			continue
		}
		v1 := apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(un.Object, &v1); err != nil {
			return nil, err
		}
		crd := apiextensions.CustomResourceDefinition{}
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &crd, nil); err != nil {
			return nil, err
		}
		for _, ver := range crd.Spec.Versions {
			s := ver.Schema
			if s == nil {
				s = crd.Spec.Validation
			}
			sv, _, err := validation.NewSchemaValidator(s.OpenAPIV3Schema)
			if err != nil {
				return nil, err
			}
			structural, err := structuralschema.NewStructural(s.OpenAPIV3Schema)
			if err != nil {
				return nil, err
			}
			kinds[schema.GroupVersionKind{Group: crd.Spec.Group, Version: ver.Name, Kind: crd.Spec.Names.Kind}] = kindValidator{
				structural: structural, schema: sv, cel: cel.NewValidator(structural, true, celconfig.PerCallLimit),
			}
		}
	}
}

func judge(kinds map[schema.GroupVersionKind]kindValidator, mux http.Handler, raw []byte) answer {
	object := map[string]any{}
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return refuse("decode", err.Error())
	}
	u := &unstructured.Unstructured{Object: object}
	kv, known := kinds[u.GroupVersionKind()]
	if !known {
		return refuse("kind", fmt.Sprintf("no CRD for %v", u.GroupVersionKind()))
	}

	meta, found, unknown, err := schemaobjectmeta.GetObjectMetaWithOptions(object, schemaobjectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return refuse("metadata", err.Error())
	}
	unknown = append(unknown, structuralpruning.PruneWithOptions(object, kv.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	if len(unknown) > 0 {
		return refuse("strict", "unknown fields "+strings.Join(unknown, ", "))
	}
	structuraldefaulting.PruneNonNullableNullsWithoutDefaults(object, kv.structural)
	structuraldefaulting.Default(object, kv.structural)
	if found {
		if err := schemaobjectmeta.SetObjectMeta(object, meta); err != nil {
			return refuse("metadata", err.Error())
		}
	}
	if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	if base := u.GetGenerateName(); u.GetName() == "" && base != "" {
		u.SetName(names.SimpleNameGenerator.GenerateName(base))
	}
	delete(object, "status")

	errs := apivalidation.ValidateObjectMetaAccessor(u, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, validation.ValidateCustomResource(nil, object, kv.schema)...)
	errs = append(errs, structurallisttype.ValidateListSetsAndMaps(nil, kv.structural, object)...)
	if len(errs) > 0 {
		return refuse("schema", messages(errs)...)
	}
	if kv.cel != nil {
		celErrs, _ := kv.cel.Validate(context.Background(), nil, kv.structural, object, nil, celconfig.RuntimeCELCostBudget)
		if len(celErrs) > 0 {
			return refuse("cel", messages(celErrs)...)
		}
	}
	return admit(mux, u)
}

func messages(errs field.ErrorList) []string {
	var r []string
	for _, e := range errs {
		r = append(r, e.Error())
	}
	return r
}

func refuse(stage string, reasons ...string) answer {
	return answer{Verdict: "invalid", Stage: stage, Reasons: reasons}
}

func admit(mux http.Handler, u *unstructured.Unstructured) answer {
	gvk := u.GroupVersionKind()
	review, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": map[string]any{
			"uid": "1", "operation": "CREATE", "name": u.GetName(), "namespace": u.GetNamespace(),
			"kind":   map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind},
			"object": u.Object,
		},
	})
	if err != nil {
		fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/validate", bytes.NewReader(review))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, request)
	var reply struct {
		Response struct {
			Allowed  bool     `json:"allowed"`
			Warnings []string `json:"warnings"`
			Status   struct {
				Message string `json:"message"`
			} `json:"status"`
		} `json:"response"`
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &reply); err != nil {
		fatal(fmt.Errorf("webhook answered %d %q: %v", recorder.Code, recorder.Body.String(), err))
	}
	if !reply.Response.Allowed {
		return refuse("webhook", reply.Response.Status.Message)
	}
	if len(reply.Response.Warnings) > 0 {
		return answer{Verdict: "warning", Stage: "webhook", Reasons: reply.Response.Warnings}
	}
	return answer{Verdict: "valid"}
}
