// Asks with Go's golang.org/x/crypto/ocsp, by POST with SHA-1 and by GET with SHA-256; prints Go's version and one word a
// certificate.
//
// usage: ask_go URL CA CERTIFICATE...
package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"

	"golang.org/x/crypto/ocsp"
)

func load(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	return x509.ParseCertificate(block.Bytes)
}

func send(method, base string, request []byte) (*http.Response, error) {
	if method == "POST" {
		return http.Post(base, "application/ocsp-request", bytes.NewReader(request))
	}
	return http.Get(base + url.PathEscape(base64.StdEncoding.EncodeToString(request)))
}

func ask(method, base string, hash crypto.Hash, certificate, issuer *x509.Certificate) (string, error) {
	request, err := ocsp.CreateRequest(certificate, issuer, &ocsp.RequestOptions{Hash: hash})
	if err != nil {
		return "", err
	}
	reply, err := send(method, base, request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return "", err
	}
	response, err := ocsp.ParseResponseForCert(body, certificate, issuer) // verifies the signature
	if refusal, ok := err.(ocsp.ResponseError); ok {
		return refusal.Status.String(), nil
	}
	if err != nil {
		return "", err
	}
	if response.IssuerHash != hash {
		return "", fmt.Errorf("CertID with %v instead of %v", response.IssuerHash, hash)
	}
	return map[int]string{ocsp.Good: "good", ocsp.Revoked: "revoked", ocsp.Unknown: "unknown"}[response.Status], nil
}

func main() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	issuer, err := load(os.Args[2])
	fail(err)
	fmt.Print(runtime.Version())
	for _, path := range os.Args[3:] {
		certificate, err := load(path)
		fail(err)
		posted, err := ask("POST", os.Args[1], crypto.SHA1, certificate, issuer)
		fail(err)
		got, err := ask("GET", os.Args[1], crypto.SHA256, certificate, issuer)
		fail(err)
		if posted != got {
			fail(fmt.Errorf("%s: %s by POST, %s by GET", path, posted, got))
		}
		fmt.Print(" ", got)
	}
	fmt.Println()
}
