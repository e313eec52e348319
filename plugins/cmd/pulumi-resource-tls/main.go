// Command pulumi-resource-tls is the provider plugin of pulumi-tls.
package main

import (
	"context"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"

	"infra-toolbox/plugins/tls"
)

func main() {
	tfbridge.Main(context.Background(), tls.Name, tls.Provider(), tfbridge.ProviderMetadata{
		PackageSchema:  tls.Schema,
		BridgeMetadata: []byte("{}"),
	})
}
