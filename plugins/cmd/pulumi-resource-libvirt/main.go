// Command pulumi-resource-libvirt is the provider plugin of pulumi-libvirt.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"infra-toolbox/plugins/libvirt"
)

func main() {
	tfbridge.Main(libvirt.Name, libvirt.Version, libvirt.Provider(), libvirt.Schema)
}
