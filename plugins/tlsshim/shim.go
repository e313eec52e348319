// Package shim opens the TLS provider, which upstream keeps in an internal package: its path puts
// it inside of upstream's tree, and a replace directive puts it here.
package shim

import (
	framework "github.com/hashicorp/terraform-plugin-framework/provider"

	"github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// NewProvider returns the Terraform provider for TLS.
func NewProvider() framework.Provider { return provider.New() }
