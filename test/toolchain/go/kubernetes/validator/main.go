// validator: would the API server accept this NetworkPolicy?
//
//	validator < cases.jsonl
//
// Each input line is {"id","object"}; each output line is {"id","verdict":"valid|invalid|warning","reasons":[...]}.
// The object goes through the API server's own strict decoder, defaulting, validation and warnings for a create.
package main

import (
	"bufio"
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
)

type answer struct {
	ID      string   `json:"id"`
	Verdict string   `json:"verdict"`
	Reasons []string `json:"reasons"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var c struct {
				ID     string             `json:"id"`
				Object stdjson.RawMessage `json:"object"`
			}
			if err := stdjson.Unmarshal(line, &c); err != nil {
				fatal(err)
			}
			verdict, reasons := judge(c.Object)
			if reasons == nil {
				reasons = []string{}
			}
			b, err := stdjson.Marshal(answer{c.ID, verdict, reasons})
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

func judge(raw []byte) (string, []string) {
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, legacyscheme.Scheme, legacyscheme.Scheme, json.SerializerOptions{Strict: true})
	decoder := legacyscheme.Codecs.DecoderToVersion(serializer, schema.GroupVersion{Group: "networking.k8s.io", Version: runtime.APIVersionInternal})
	object, _, err := decoder.Decode(raw, nil, nil)
	if err != nil {
		return "invalid", []string{err.Error()}
	}
	ctx := genericapirequest.WithNamespace(context.Background(), "default")
	ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{APIGroup: "networking.k8s.io", APIVersion: "v1"})
	accessor, err := meta.Accessor(object)
	if err != nil {
		return "invalid", []string{err.Error()}
	}
	if accessor.GetNamespace() == "" {
		accessor.SetNamespace("default")
	}
	rest.FillObjectMetaSystemFields(accessor)
	if base := accessor.GetGenerateName(); accessor.GetName() == "" && base != "" {
		accessor.SetName(networkpolicy.Strategy.GenerateName(base))
	}
	ctx = genericapirequest.WithNamespace(ctx, accessor.GetNamespace())
	if err := rest.BeforeCreate(networkpolicy.Strategy, ctx, object); err != nil {
		return "invalid", []string{err.Error()}
	}
	if warnings := networkpolicy.Strategy.WarningsOnCreate(ctx, object); len(warnings) > 0 {
		return "warning", warnings
	}
	return "valid", nil
}
