// Rollcall · RedisTests

import Redis
import Testing

@Suite("Redis URLs")
struct RedisURLTests {
    @Test("A host, a port, a database and credentials are read")
    func full() throws {
        let url = try RedisURL("rediss://app:p%40ss%3A@cache.example:7000/3")
        #expect(url.address == .host("cache.example", port: 7000))
        #expect(url.isSecure)
        #expect(url.credentials == RedisCredentials(user: "app", password: "p@ss:"))
        #expect(url.database == 3)
    }
}
