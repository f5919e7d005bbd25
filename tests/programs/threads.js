// SPDX-License-Identifier: Apache-2.0
// Worker threads, subprocesses with pipes and signals, the thread pool behind fs and crypto.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawnSync, exec, spawn } = require('child_process');
const { promisify } = require('util');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');

function compute(n) {
    let s = 0;
    for (let i = 0; i < 1e6; i++) s += i % (n + 2);
    return s;
}

function worker(n) {
    return new Promise((resolve, reject) => {
        const w = new Worker(__filename, { workerData: n });
        w.on('message', resolve);
        w.on('error', reject);
    });
}

function ended(child) {
    return new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])));
}

async function main() {
    const sums = await Promise.all([0, 1, 2, 3].map(worker));
    console.log('sum', sums.reduce((a, b) => a + b));

    console.log('status', spawnSync('sh', ['-c', 'exit 3']).status);
    const { stdout, stderr } = await promisify(exec)('echo out; echo err >&2');
    console.log(stdout.trim(), stderr.trim());

    const cat = spawn('cat');
    let text = '';
    cat.stdout.on('data', (d) => { text += d; });
    cat.stdin.write('piped ');
    cat.stdin.end('through');
    console.log(await ended(cat), text);

    const sleeper = spawn('sleep', ['1000']);
    sleeper.kill();
    console.log(await ended(sleeper));

    const fork = require('child_process').fork(__filename, ['child']);
    fork.send({ n: 20 });
    const answer = await new Promise((resolve) => fork.on('message', resolve));
    console.log('forked', answer);
    fork.kill('SIGKILL');
    console.log(await new Promise((resolve) => fork.on('exit', (code, signal) => resolve(signal))));

    const keys = await Promise.all([1, 2, 3, 4].map((i) =>
        promisify(crypto.pbkdf2)('secret', 'salt' + i, 1000, 16, 'sha256')));
    console.log(keys.map((k) => k.toString('hex')).join(' '));

    const dir = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'threads-'));
    await Promise.all([...Array(50).keys()].map((i) => fs.promises.writeFile(path.join(dir, 'f' + i), 'x'.repeat(i))));
    const names = await fs.promises.readdir(dir);
    const sizes = await Promise.all(names.map((n) => fs.promises.stat(path.join(dir, n))));
    console.log('files', names.length, sizes.reduce((a, s) => a + s.size, 0));
    await fs.promises.rm(dir, { recursive: true });

    process.on('SIGUSR2', () => { console.log('signalled'); clearInterval(alive); });
    const alive = setInterval(() => {}, 1000);
    process.kill(process.pid, 'SIGUSR2');
}

if (!isMainThread) {
    parentPort.postMessage(compute(workerData));
} else if (process.argv[2] === 'child') {
    process.on('message', (m) => process.send({ answer: m.n + 22 }));
} else {
    main().catch((e) => { console.log(e); process.exit(1); });
}
