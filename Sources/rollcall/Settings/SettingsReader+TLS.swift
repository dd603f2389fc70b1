// Rollcall · rollcall

import Redis

extension SettingsReader {
    /// Reads and checks the files that secure a connection to Redis.
    func redisTLS(for url: RedisURL) throws(ProgramError) -> RedisTLS {
        let table = SettingsTable.declared
        let settings = [table.redisAuthorityFile, table.redisCertificateFile, table.redisKeyFile]
        var paths: [String?] = []
        for setting in settings {
            let path = try value(of: setting)
            if path != nil, !url.isSecure {
                throw .usage(
                    "\(name(of: setting.info)) is for TLS, but "
                        + "\(table.redisURL.info.environmentName) does not begin with rediss:// or valkeys://.")
            }
            paths.append(path)
        }
        var tls = RedisTLS()
        guard url.isSecure else { return tls }
        (tls.certificateFile, tls.keyFile) = (paths[1], paths[2])
        if paths[0] == nil {
            tls.authorityFile = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
            // SSL_CERT_DIR is a list of folders.
            tls.authorityFolder = environment["SSL_CERT_DIR"]?.split(separator: ":").first.map { String($0) }
        } else {
            tls.authorityFile = paths[0]
        }
        do throws(RedisTLSFault) {
            try tls.check()
        } catch {
            let setting =
                switch error.file {
                case .authority:
                    paths[0] == nil
                        ? (tls.authorityFile == nil ? "SSL_CERT_DIR" : "SSL_CERT_FILE") : name(of: settings[0].info)
                case .certificate: name(of: settings[1].info)
                case .key: name(of: settings[2].info)
                }
            throw .usage("\(setting): \(error.path.map { "the file \($0)" } ?? "the file") \(error.cause).")
        }
        return tls
    }
}
