// Command verify does what a client written in Go does before it talks to a server.
//
// usage: verify ROOTS CHAIN NAME
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	roots, above := x509.NewCertPool(), x509.NewCertPool()
	var own *x509.Certificate
	for _, one := range read(os.Args[1]) {
		roots.AddCert(one)
	}
	for number, one := range read(os.Args[2]) {
		if number == 0 {
			own = one
		} else {
			above.AddCert(one)
		}
	}
	options := x509.VerifyOptions{DNSName: os.Args[3], Roots: roots, Intermediates: above}
	if _, err := own.Verify(options); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func read(path string) (found []*x509.Certificate) {
	text, err := os.ReadFile(path)
	for err == nil {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return
		}
		var one *x509.Certificate
		if one, err = x509.ParseCertificate(block.Bytes); err == nil {
			found = append(found, one)
		}
	}
	fmt.Println(err)
	os.Exit(2)
	return
}
