// Package tls describes the Pulumi provider that the SDK pulumi-tls talks to.
package tls

import (
	_ "embed" // for the schema

	"github.com/hashicorp/terraform-provider-tls/shim"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
)

const (
	// Name is the package's name in type tokens and plugin names.
	Name = "tls"
	// Version is the SDK's: Pulumi wants plugin and SDK to agree.
	Version = "5.6.2"
)

// Schema is the package schema, generated from Provider; see the test of this module.
//
//go:embed schema.json
var Schema []byte

// Provider returns the bridged provider. It has no names to make up, and the Terraform provider
// itself says which of its attributes are sensitive: the bridge makes secrets of those.
func Provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            pf.ShimProvider(shim.NewProvider()),
		Name:         Name,
		Version:      Version,
		DisplayName:  "TLS",
		Description:  "Private keys, certificate requests and certificates.",
		License:      "Apache-2.0",
		GitHubOrg:    "hashicorp",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		// Reason: without it every state is upgraded anew, and a second up is not empty.
		EnableZeroDefaultSchemaVersion: true,
		// Reason: a preview that knows what an update would compute.
		EnableAccurateBridgePreview: true,
	}
	info.MustComputeTokens(tokens.SingleModule("tls_", "index", tokens.MakeStandard(Name)))
	return info
}
