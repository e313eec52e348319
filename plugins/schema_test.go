package plugins_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	pfgen "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"

	"infra-toolbox/plugins/libvirt"
	"infra-toolbox/plugins/tls"
)

var update = flag.Bool("update", false, "write the schemas instead of comparing them")

// TestProvidersValidate lets the Terraform SDK and the bridge check the providers.
func TestProvidersValidate(t *testing.T) {
	for _, info := range []tfbridge.ProviderInfo{libvirt.Provider(), tls.Provider()} {
		if err := info.Validate(context.Background()); err != nil {
			t.Errorf("%s: %v", info.Name, err)
		}
	}
	if err := libvirt.Provider().P.InternalValidate(); err != nil {
		t.Errorf("libvirt: %v", err)
	}
}

// TestNamesAreMadeUp checks that every libvirt resource can do without a name.
func TestNamesAreMadeUp(t *testing.T) {
	for name, resource := range libvirt.Provider().Resources {
		if field := resource.Fields["name"]; field == nil || !field.Default.AutoNamed {
			t.Errorf("%s is not named automatically", name)
		}
	}
}

// TestSchemasAreCurrent compares the embedded schemas to what the bridge makes of the providers;
// after a change, `go test -run Schemas . -update` writes them.
func TestSchemasAreCurrent(t *testing.T) {
	for name, embedded := range map[string][]byte{libvirt.Name: libvirt.Schema, tls.Name: tls.Schema} {
		made := generate(t, name)
		if *update {
			if err := os.WriteFile(filepath.Join(name, "schema.json"), made, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(made, embedded) {
			t.Errorf("%s/schema.json is not what the provider says", name)
		}
	}
}

// generate returns a package schema without its prose, which is not ours.
func generate(t *testing.T, name string) []byte {
	t.Helper()
	sink := diag.DefaultSink(io.Discard, os.Stderr, diag.FormatOptions{Color: colors.Never})
	var schema any
	if name == tls.Name {
		made, err := pfgen.GenerateSchema(context.Background(), pfgen.GenerateSchemaOptions{
			ProviderInfo: tls.Provider(), DiagnosticsSink: sink, XInMemoryDocs: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		schema = reread(t, made.ProviderMetadata.PackageSchema)
	} else {
		made, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
			ProviderInfo: libvirt.Provider(), DiagnosticsSink: sink, XInMemoryDocs: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(made.PackageSpec)
		if err != nil {
			t.Fatal(err)
		}
		schema = reread(t, text)
	}
	text, err := json.MarshalIndent(terse(schema), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// reread returns what a JSON text says.
func reread(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// terse drops descriptions; properties that are called so are objects and stay.
func terse(value any) any {
	switch node := value.(type) {
	case map[string]any:
		for key, child := range node {
			if _, text := child.(string); text && (key == "description" || key == "deprecationMessage") {
				delete(node, key)
				continue
			}
			node[key] = terse(child)
		}
	case []any:
		for i, child := range node {
			node[i] = terse(child)
		}
	}
	return value
}
