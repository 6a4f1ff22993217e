// Uploads every file of a folder with tus-js-client, so many at once.
// Use: node client.mjs FOLDER AT_ONCE default|early
//
// `early` sends the bytes with the first request of each file; the default takes two. Standard input tells when:
// `open URL` (no connection yet), then `go`. Each is answered with a line, `ok` or what went wrong.

import { createReadStream, readdirSync } from 'node:fs'
import { Agent } from 'node:http'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { DefaultHttpStack, Upload } from 'tus-js-client'

const [folder, atOnce, mode] = process.argv.slice(2)
const files = readdirSync(folder).sort()
let endpoint, httpStack

function open(url) {
  endpoint = `${url}/files`
  // Node's own agent keeps connections between rounds; a phone that was just taken out has none.
  httpStack = new DefaultHttpStack({ agent: new Agent({ keepAlive: true, scheduling: 'lifo' }) })
}

function upload(name) {
  return new Promise((resolve, reject) => {
    new Upload(createReadStream(join(folder, name)), {
      endpoint,
      httpStack,
      metadata: { filename: name },
      uploadDataDuringCreation: mode === 'early',
      // A fault ends the bench: a silent second attempt would be measured as one.
      retryDelays: null,
      onSuccess: resolve,
      onError: reject,
    }).start()
  })
}

async function go() {
  const left = files.values()
  const lane = async () => {
    for (const name of left) await upload(name)
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, lane))
}

for await (const line of createInterface({ input: process.stdin })) {
  const [order, url] = line.split(' ')
  try {
    await (order === 'open' ? open(url) : go())
    console.log('ok')
  } catch (fault) {
    console.log(String(fault))
  }
}
