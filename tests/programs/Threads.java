// SPDX-License-Identifier: Apache-2.0
// Threads, subprocesses, signals turned into exceptions, files: what the JVM asks of a kernel.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

public class Threads {
    static long sum(int n) {
        long s = 0;
        for (int j = 0; j < 1_000_000; j++)
            s += j % (n + 1);
        return s;
    }

    static int depth(int n) {
        return depth(n + 1) + 1;
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> results = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            final int n = i;
            results.add(pool.submit(() -> sum(n)));
        }
        long total = 0;
        for (Future<Long> f : results)
            total += f.get();
        System.out.println("sum " + total);

        AtomicLong count = new AtomicLong();
        CountDownLatch latch = new CountDownLatch(200);
        Object lock = new Object();
        for (int i = 0; i < 200; i++) {
            new Thread(() -> {
                synchronized (lock) {
                    count.incrementAndGet();
                }
                latch.countDown();
            }).start();
        }
        System.out.println("threads " + latch.await(60, TimeUnit.SECONDS) + " " + count.get());

        for (int i = 0; i < 5; i++) {
            Process p = new ProcessBuilder("sh", "-c", "read x; echo got $x; exit " + i).redirectErrorStream(true).start();
            p.getOutputStream().write(("line " + i + "\n").getBytes());
            p.getOutputStream().close();
            BufferedReader r = new BufferedReader(new InputStreamReader(p.getInputStream()));
            System.out.println(r.readLine() + " " + p.waitFor());
        }
        Process sleeper = new ProcessBuilder("sleep", "1000").start();
        sleeper.destroy();
        System.out.println("destroyed " + sleeper.waitFor());

        try {
            Object o = args.length > 100 ? args : null;
            System.out.println(o.hashCode());
        } catch (NullPointerException e) {
            System.out.println("null pointer");
        }
        try {
            depth(0);
        } catch (StackOverflowError e) {
            System.out.println("stack overflow");
        }
        try {
            System.out.println(1 / args.length);
        } catch (ArithmeticException e) {
            System.out.println("division by zero");
        }
        Path file = Files.createTempFile("threads", ".txt");
        Files.writeString(file, "written\n");
        System.out.print(Files.readString(file));
        Files.delete(file);
        System.gc();
        pool.shutdown();
        System.out.println("end " + pool.awaitTermination(60, TimeUnit.SECONDS));
    }
}
