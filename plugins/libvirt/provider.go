// Package libvirt describes the Pulumi provider that the SDK pulumi-libvirt talks to.
package libvirt

import (
	_ "embed" // for the schema

	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

const (
	// Name is the package's name in type tokens and plugin names.
	Name = "libvirt"
	// Version is the SDK's: Pulumi wants plugin and SDK to agree.
	Version = "0.5.4"
)

// maxNameLength is what a file system allows, since volumes are files that bear their names.
const maxNameLength = 255

// Schema is the package schema, generated from Provider; see the test of this module.
//
//go:embed schema.json
var Schema []byte

// Provider returns the bridged provider: its types, its configuration, names that are made up when
// none is given, and what is secret.
func Provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            shim.NewProvider(libvirt.Provider()),
		Name:         Name,
		Version:      Version,
		DisplayName:  "libvirt",
		Description:  "Virtual machines, their networks and storage, by libvirt.",
		License:      "Apache-2.0",
		GitHubOrg:    "dmacvicar",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"uri": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"LIBVIRT_DEFAULT_URI"}}},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			// The rule makes a Cloudinit of it.
			"libvirt_cloudinit_disk": {
				Tok:    "libvirt:index/cloudInitDisk:CloudInitDisk",
				Fields: secret("meta_data", "network_config", "user_data"),
			},
			"libvirt_combustion": {Fields: secret("content")},
			"libvirt_ignition":   {Fields: secret("content")},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard(Name)))
	info.SetAutonaming(maxNameLength, "-")
	return info
}

// secret marks what a machine is configured with: it holds keys and passwords, and nobody should
// have to remember to say so.
func secret(fields ...string) map[string]*tfbridge.SchemaInfo {
	marked := make(map[string]*tfbridge.SchemaInfo, len(fields))
	for _, field := range fields {
		marked[field] = &tfbridge.SchemaInfo{Secret: tfbridge.True()}
	}
	return marked
}
