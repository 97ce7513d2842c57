import java.io.FileInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.security.SecureRandom;
import java.security.cert.*;
import java.util.*;

/**
 * Validates paths with Java's PKIX and its OCSP client; prints Java's version and one word a certificate.
 *
 * usage: AskJava NONCE_OCTETS ROOT CA CERTIFICATE...   (0: no nonce)
 */
public final class AskJava {
    /** The nonce extension of an OCSP request. */
    private record Nonce(byte[] getValue) implements Extension {
        private static final byte[] OID = {0x06, 0x09, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02};

        @Override
        public String getId() {
            return "1.3.6.1.5.5.7.48.1.2";
        }

        @Override
        public boolean isCritical() {
            return false;
        }

        @Override
        public void encode(OutputStream out) throws IOException {
            out.write(new byte[] {0x30, (byte) (OID.length + 2 + getValue.length)});
            out.write(OID);
            out.write(new byte[] {0x04, (byte) getValue.length});
            out.write(getValue);
        }
    }

    private static X509Certificate load(String path) throws Exception {
        try (FileInputStream in = new FileInputStream(path)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    private static String validate(int nonceOctets, X509Certificate root, List<X509Certificate> path) throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
        if (nonceOctets > 0) {
            byte[] value = new byte[2 + nonceOctets]; // OCTET STRING, short form
            new SecureRandom().nextBytes(value);
            value[0] = 0x04;
            value[1] = (byte) nonceOctets;
            checker.setOcspExtensions(List.of(new Nonce(value)));
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(CertificateFactory.getInstance("X.509").generateCertPath(path), parameters);
            return "valid";
        } catch (CertPathValidatorException e) {
            if (e.getReason() == CertPathValidatorException.BasicReason.REVOKED) {
                return "revoked";
            }
            if (e.getReason() == CertPathValidatorException.BasicReason.UNDETERMINED_REVOCATION_STATUS) {
                return "undetermined";
            }
            if (e.getMessage().startsWith("OCSP response error")) {
                return "refused";
            }
            throw e;
        }
    }

    public static void main(String[] args) throws Exception {
        int nonceOctets = Integer.parseInt(args[0]);
        X509Certificate root = load(args[1]);
        X509Certificate ca = load(args[2]);
        StringBuilder line = new StringBuilder(System.getProperty("java.version"));
        for (String path : Arrays.asList(args).subList(3, args.length)) {
            line.append(' ').append(validate(nonceOctets, root, List.of(load(path), ca)));
        }
        System.out.println(line);
    }
}
