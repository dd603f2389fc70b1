// Rollcall · RedisTests

import Redis
import Testing

@Suite("Redis URLs")
struct RedisURLTests {
    @Test func `A scheme, a user, a password, a host, a port and a database are read`() throws {
        let url = try RedisURL("rediss://app:p%40ss%3A@cache.example:7000/3")
        #expect(url.address == .host("cache.example", port: 7000))
        #expect(url.isSecure)
        #expect(url.credentials == RedisCredentials(user: "app", password: "p@ss:"))
        #expect(url.database == 3)
    }

    @Test func `Missing parts have their defaults`() throws {
        let url = try RedisURL("redis://h")
        #expect(url.address == .host("h", port: 6379))
        #expect(!url.isSecure)
        #expect(url.credentials == nil)
        #expect(url.database == 0)
        #expect(try RedisURL("redis://:only@h").credentials == RedisCredentials(password: "only"))
        #expect(try RedisURL("redis://h/?db=4").database == 4)
        #expect(try RedisURL("REDIS://h/").address == .host("h", port: 6379))
    }

    @Test func `A unix socket has a path and may have a password and a database`() throws {
        let url = try RedisURL("redis+unix://:pw@/var/run/my%20redis.sock?db=2")
        #expect(url.address == .unixSocket(path: "/var/run/my redis.sock"))
        #expect(url.credentials == RedisCredentials(password: "pw"))
        #expect(url.database == 2)
    }

    @Test func `An IPv6 address stands in brackets`() throws {
        #expect(try RedisURL("redis://[::1]").address == .host("::1", port: 6379))
        #expect(try RedisURL("redis://[::1]:7001/1").description == "redis://[::1]:7001/1")
    }

    @Test func `A password that holds an @ is taken whole`() throws {
        let url = try RedisURL("redis://:p@ss@h:1")
        #expect(url.credentials == RedisCredentials(password: "p@ss"))
        #expect(url.address == .host("h", port: 1))
    }

    @Test(
        arguments: [
            "", "localhost:6379", "http://s3cret@h", "redis://s3cret@h", "redis://:s3cret@h:0",
            "redis://:s3cret@h:99999",
            "redis://:s3cret@h:port", "redis://:s3cret@h/x", "redis://:s3cret@h/-1", "redis://:s3cret@h/?name=1",
            "redis://:s3cret%zz@h", "redis://:s3cret%+1@h", "redis://:s3cret%f@h", "redis://:s3cret%ff@h",
            "redis://:s3cret#@h", "redis://:s3cret@[::1", "redis://:s3cret@[::1]x", "redis+unix://:s3cret@",
            "redis+unix://:s3cret@host/path",
        ])
    func `A text that is no Redis URL is refused, and the error does not repeat it`(text: String) {
        let error = #expect(throws: RedisError.self) { try RedisURL(text) }
        #expect(error?.code == .invalidSettings)
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test func `No description, dump or reflection shows a password`() throws {
        for text in ["redis://app:s3cret@h:1/2", "rediss://:s3cret@h", "redis+unix://:s3cret@/tmp/x.sock?db=1"] {
            let url = try RedisURL(text)
            var dumped = ""
            dump(url, to: &dumped)
            dump(url.credentials, to: &dumped)
            let all = "\(url) \(String(reflecting: url)) \(String(reflecting: url.credentials)) \(dumped)"
            #expect(!all.contains("s3cret"))
            #expect("\(url)".contains("***@"))
        }
        #expect("\(try RedisURL("redis+unix:///tmp/x.sock?db=1"))" == "redis+unix:///tmp/x.sock?db=1")
    }

    @Test(arguments: [
        ("valkey://h:1/2", "redis://h:1/2"), ("valkeys://h", "rediss://h:6379/0"), ("VALKEYS://h", "rediss://h:6379/0"),
        ("valkey+unix:///tmp/v.sock", "redis+unix:///tmp/v.sock"), (" redis://h \n", "redis://h:6379/0"),
        ("\tredis://h/1/", "redis://h:6379/1"), ("redis://h/", "redis://h:6379/0"),
        ("redis://h/?db=3", "redis://h:6379/3"),
        ("redis://:@h", "redis://h:6379/0"), ("redis://@h", "redis://h:6379/0"),
        ("redis://app:@h", "redis://***@h:6379/0"),
        ("redis://[fe80::1%25eth0]:1", "redis://[fe80::1%eth0]:1/0"),
    ])
    func `Other spellings of a URL have the same meaning`(text: String, description: String) throws {
        #expect(try RedisURL(text).description == description)
    }

    @Test func `A user and a password are decoded, and an empty password counts as one`() throws {
        #expect(try RedisURL("redis://app:@h").credentials == RedisCredentials(user: "app", password: ""))
        #expect(
            try RedisURL("redis://a%3Ab:p%23%25%2F%3F@h").credentials
                == RedisCredentials(user: "a:b", password: "p#%/?"))
        #expect(try RedisURL("redis://:@h").credentials == nil)
    }

    @Test(arguments: [
        ("", "scheme"), ("h:6379", "scheme"), ("http://h", "scheme"), ("redis+cluster://a", "Cluster"),
        ("redis://", "host"), ("redis://:6379", "host"), ("redis://:s3cret@/1", "host"), ("redis:///1", "host"),
        ("redis://a,b", "several hosts"), ("redis://a b", "host"), ("redis://${HOST}:1", "host"),
        ("redis://[h]", "IPv6"),
        ("redis://::1", "brackets"), ("redis://::1:6379", "brackets"), ("redis://[::1", "]"),
        ("redis://h:", "port"), ("redis://h:0", "port"), ("redis://h:65536", "port"), ("redis://h:+1", "port"),
        ("redis://h:99999999999999999999", "port"), ("redis://h:6379x", "port"),
        ("redis://h/x", "database"), ("redis://h/-1", "database"), ("redis://h/+1", "database"),
        ("redis://h/2147483648", "database"), ("redis://h/99999999999999999999", "database"),
        ("redis://h/1/2", "database"),
        ("redis://h?db=x", "db"), ("redis://h/1?db=2", "twice"), ("redis://h?db=1&db=1", "twice"),
        ("redis://h?ssl_cert_reqs=s3cret", "ssl_cert_reqs"), ("redis://h?sslrootcert=/x", "ROLLCALL_REDIS_CA_FILE"),
        ("redis://h/1?timeout=s3cret", "timeout"), ("redis://h?s3cret", "query"),
        ("redis://:s3cret#@h", "#"), ("redis://h#s3cret", "#"), ("redis://:s3/cret@h", "password"),
        ("redis://:s3?cret@h", "password"), ("redis://:s3cret%zz@h", "password"), ("redis://s3cret%f:x@h", "user"),
        ("redis://%zz", "host"), ("redis://:s3cret%00@h", "password"), ("redis://s3cret@h", "user"),
        ("redis://:s3cret@h\n:1", "control"), ("redis+unix://h/s", "host"), ("redis+unix://", "path"),
        ("redis+unix:///s?name=s3cret", "name"),
    ])
    func `The error for a URL that cannot be used names the wrong part and shows no value`(
        text: String, part: String
    ) {
        let error = #expect(throws: RedisError.self) { try RedisURL(text) }
        #expect(error?.code == .invalidSettings)
        #expect(error?.message.contains(part) == true, "\(String(describing: error))")
        #expect(error?.description.contains("s3cret") == false)
        #expect(error?.description.contains("cret") == false)
    }
}
