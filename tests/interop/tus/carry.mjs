// Carries a pack to its server with tus-js-client, which speaks the IETF's resumable uploads and knows nothing of us.
//
//   node carry.mjs HANDED ANSWER [--protocol NAME] [--chunk BYTES] [--dies-after BYTES] [--stops-after BYTES]
//
// HANDED is what `portico --json transfer KEY` printed. ANSWER is where the last answer's body goes. --dies-after ends
// this process by SIGKILL when so many bytes were written to the server's socket; --stops-after takes the request back
// there, and the upload goes on in the same process. Every answer is a line `METHOD STATUS UPLOAD-OFFSET`; the end is
// `done`, or `failed` and exit 1.

import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { createConnection } from 'node:net'
import { parseArgs } from 'node:util'
import { DefaultHttpStack, Upload } from 'tus-js-client'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    protocol: { type: 'string', default: 'ietf-draft-05' },
    chunk: { type: 'string' },
    'dies-after': { type: 'string' },
    'stops-after': { type: 'string' },
  },
})
const [handedPath, answerPath] = positionals
const handed = JSON.parse(readFileSync(handedPath, 'utf8'))
const diesAfter = Number(values['dies-after'] ?? Infinity)
let stopsAfter = Number(values['stops-after'] ?? Infinity)

// Counts at the socket: the client's own progress is told every 100 ms at most, which on loopback is too late.
class CountingAgent extends Agent {
  written = 0

  createConnection(options, connected) {
    const socket = createConnection(options, connected)
    const write = socket.write
    socket.write = (bytes, ...rest) => {
      const goesOn = write.call(socket, bytes, ...rest)
      this.written += bytes.length
      if (this.written >= diesAfter) process.kill(process.pid, 'SIGKILL')
      if (this.written >= stopsAfter) {
        stopsAfter = Infinity
        queueMicrotask(() => upload.abort().then(() => upload.start()))
      }
      return goesOn
    }
    return socket
  }
}

const upload = new Upload(createReadStream(handed.file), {
  protocol: values.protocol,
  uploadUrl: handed.url,
  headers: Object.fromEntries(handed.headers),
  uploadSize: handed.length_bytes,
  chunkSize: Number(values.chunk ?? Infinity),
  httpStack: new DefaultHttpStack({ agent: new CountingAgent() }),
  storeFingerprintForResuming: false,
  // After a 409 it asks where the upload stands and goes on; other refusals it does not repeat.
  retryDelays: [0, 0, 0],
  onAfterResponse(request, response) {
    console.log(request.getMethod(), response.getStatus(), response.getHeader('Upload-Offset') ?? '-')
  },
  onSuccess({ lastResponse }) {
    writeFileSync(answerPath, lastResponse.getBody() ?? '')
    console.log('done')
  },
  onError(fault) {
    console.log('failed', fault.message)
    process.exitCode = 1
  },
})
upload.start()
