// Rollcall · rollcall

import Redis

extension SettingsReader {
    /// Reads and checks the files with the certificate that the node shows to clients; nil if the settings name none.
    func serverTLS() throws(ProgramError) -> TLSFiles? {
        let table = SettingsTable.declared
        func file(_ setting: Setting<String>) throws(ProgramError) -> TLSFiles.File? {
            try value(of: setting).map { TLSFiles.File(path: $0, setting: name(of: setting.info)) }
        }
        let (certificate, key) = (try file(table.tlsCertificate), try file(table.tlsKey))
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            let files = TLSFiles(certificate: certificate, key: key)
            _ = try files.load()
            return files
        case (let given?, nil):
            throw .usage(
                "\(given.setting) needs the key of the certificate; set \(table.tlsKey.info.environmentName) too.")
        case (nil, let given?):
            throw .usage(
                "\(given.setting) needs the certificate of the key; set "
                    + "\(table.tlsCertificate.info.environmentName) too.")
        }
    }

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
            let authorities = NamedAuthorities(environment)
            (tls.authorityFile, tls.authorityFolder) = (authorities.file, authorities.folder)
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
