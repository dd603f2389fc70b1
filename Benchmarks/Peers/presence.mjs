// Presence in the memory of one process, as one writes it by hand: topics in a Map, one write a subscriber.
// Serves the part of Rollcall's HTTP that the benchmarks use. No other node, no bound of a slow reader, no resume.
//
// usage: node presence.mjs PORT
import { createServer } from 'node:http'
import { randomBytes } from 'node:crypto'

const topics = new Map() // name → { entries: Map(key → Map(session → meta)), streams: Set(response), cursor }
const ttl = 300_000

function topicNamed(name) {
  let topic = topics.get(name)
  if (!topic) topics.set(name, (topic = { entries: new Map(), streams: new Set(), cursor: 0 }))
  return topic
}

function publish(topic, joins, leaves) {
  topic.cursor += 1
  const event = `id: ${topic.cursor}\nevent: presence_diff\ndata: ${JSON.stringify({ joins, leaves })}\n\n`
  for (const stream of topic.streams) stream.write(event)
}

const ref = () => randomBytes(12).toString('base64url')

function track(topic, key, session, meta) {
  let sessions = topic.entries.get(key)
  if (!sessions) topic.entries.set(key, (sessions = new Map()))
  const old = sessions.get(session)
  if (old) clearTimeout(old.timer)
  const phx_ref = ref()
  const entry = { meta: { ...meta, phx_ref }, timer: setTimeout(() => untrack(topic, key, session), ttl) }
  sessions.set(session, entry)
  publish(topic, { [key]: { metas: [entry.meta] } }, old ? { [key]: { metas: [old.meta] } } : {})
  return { key, session, phx_ref, created: !old }
}

function untrack(topic, key, session) {
  const sessions = topic.entries.get(key)
  const entry = sessions?.get(session)
  if (!entry) return
  clearTimeout(entry.timer)
  sessions.delete(session)
  if (sessions.size === 0) topic.entries.delete(key)
  publish(topic, {}, { [key]: { metas: [entry.meta] } })
}

function roster(topic) {
  const entries = {}
  for (const [key, sessions] of topic.entries) entries[key] = { metas: [...sessions.values()].map((s) => s.meta) }
  return entries
}

function stream(request, response, topic, query) {
  request.socket.setNoDelay(true)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const key = query.get('key')
  const session = query.get('session')
  if (key) {
    track(topic, key, session, JSON.parse(query.get('meta') ?? '{}'))
    clearTimeout(topic.entries.get(key).get(session).timer) // the open stream is the lease
  }
  response.write(`id: ${topic.cursor}\nevent: presence_state\ndata: ${JSON.stringify(roster(topic))}\n\n`)
  topic.streams.add(response)
  response.on('close', () => {
    topic.streams.delete(response)
    if (key) untrack(topic, key, session)
  })
}

function answer(response, status, body, headers = {}) {
  if (body === undefined) return response.writeHead(status, headers).end()
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text ? JSON.parse(text) : {}
}

function perform({ op, topic, key, session, meta }) {
  if (op === 'untrack') return untrack(topicNamed(topic), key, session), { status: 204 }
  const receipt = track(topicNamed(topic), key, session, meta)
  return { status: receipt.created ? 201 : 200, ...receipt }
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const [, , kind, name, what, key, session] = url.pathname.split('/').map(decodeURIComponent)
  if (url.pathname === '/healthz') return answer(response, 200, {})
  if (kind === 'batch') return answer(response, 200, { results: (await bodyOf(request)).operations.map(perform) })
  const topic = topicNamed(name)
  if (what === 'events') return stream(request, response, topic, url.searchParams)
  if (request.method === 'GET') {
    const etag = `"${topic.cursor}"`
    if (request.headers['if-none-match'] === etag) return answer(response, 304, undefined, { etag })
    return answer(response, 200, { topic: name, cursor: topic.cursor, presences: roster(topic) }, { etag })
  }
  if (request.method === 'DELETE') return untrack(topic, key, session), answer(response, 204)
  const { meta, ...patch } = await bodyOf(request)
  if (request.method === 'PUT') {
    const receipt = track(topic, key, session, meta)
    return answer(response, receipt.created ? 201 : 200, receipt)
  }
  const { phx_ref, ...old } = topic.entries.get(key).get(session).meta
  answer(response, 200, track(topic, key, session, { ...old, ...patch }))
}).listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
