package dev.holdfast.resource.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.resource.Resource;
import dev.holdfast.resource.read.ReadResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileSourceTest {
    @TempDir
    Path folder;

    private final List<ReadResult> readings = new CopyOnWriteArrayList<>();

    private static String service(String name) {
        return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {ports: [{port: 80}]}\n";
    }

    private FileSource watch(Path... paths) {
        return new FileSource(List.of(paths), readings::add);
    }

    /** What it finds, the kernel has told. */
    private FileSource watchWithoutLooking(Path... paths) {
        return new FileSource(List.of(paths), readings::add, Duration.ofHours(1));
    }

    private List<String> names() {
        return readings.getLast().resources().resources().stream()
                .map(Resource::toString)
                .toList();
    }

    private void eventually(String... names) {
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(names()).containsExactlyInAnyOrder(names));
    }

    @Test
    void readsAtOnceThenAfterEachKindOfChange() throws IOException {
        Path file = Files.writeString(folder.resolve("a.yaml"), service("a"));
        try (FileSource source = watch(folder)) {
            assertThat(names()).containsExactly("Service default/a");
            Files.writeString(folder.resolve("b.yaml"), service("b"));
            eventually("Service default/a", "Service default/b");
            Path beside = Files.writeString(folder.resolve("a.tmp"), service("c"));
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
            eventually("Service default/c", "Service default/b");
            Files.delete(file);
            eventually("Service default/b");
            Path below = Files.createDirectories(folder.resolve("new/deep"));
            Files.writeString(below.resolve("d.yaml"), service("d"));
            eventually("Service default/b", "Service default/d");
        }
    }

    @Test
    void waitsAHalfWrittenFileOut() throws Exception {
        Path file = Files.writeString(folder.resolve("a.yaml"), service("a") + "---\n" + service("b"));
        try (FileSource source = watch(file)) {
            Files.writeString(file, service("a").substring(0, 40));
            Thread.sleep(300);
            Files.writeString(
                    file, service("a").substring(40) + "---\n" + service("changed"), StandardOpenOption.APPEND);
            eventually("Service default/a", "Service default/changed");
            assertThat(readings).hasSize(2).noneMatch(ReadResult::hasErrors);
        }
    }

    @Test
    void whatStaysBrokenIsHandedOnInTheEnd() throws IOException {
        Path file = Files.writeString(folder.resolve("a.yaml"), service("a"));
        try (FileSource source = watch(file)) {
            Files.writeString(file, "a: [");
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> readings.getLast().hasErrors());
        }
    }

    /** A ConfigMap's mount: files are links into ..data, which is a link that is swapped. */
    @Test
    void followsASwappedLink() throws IOException {
        Files.writeString(Files.createDirectories(folder.resolve("..1")).resolve("a.yaml"), service("one"));
        Files.writeString(Files.createDirectories(folder.resolve("..2")).resolve("a.yaml"), service("two"));
        Files.createSymbolicLink(folder.resolve("..data"), Path.of("..1"));
        Files.createSymbolicLink(folder.resolve("a.yaml"), Path.of("..data/a.yaml"));
        try (FileSource source = watch(folder)) {
            assertThat(names()).containsExactly("Service default/one");
            Files.createSymbolicLink(folder.resolve("..tmp"), Path.of("..2"));
            Files.move(folder.resolve("..tmp"), folder.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
            eventually("Service default/two");
        }
    }

    @Test
    void followsAFileThatIsGivenWhateverItIsCalled() throws IOException {
        Path file = Files.writeString(folder.resolve("gateway.conf"), service("a"));
        Path whole = Files.createDirectory(folder.resolve("whole"));
        Files.writeString(whole.resolve("b.yaml"), service("b"));
        Path relative = Path.of("").toAbsolutePath().relativize(file);
        for (Path given : List.of(file, relative)) {
            try (FileSource source = watchWithoutLooking(given, whole)) {
                Files.writeString(file, service("c"));
                eventually("Service default/c", "Service default/b");
                Path beside = Files.writeString(folder.resolve("gateway.conf~"), service("d"));
                Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
                eventually("Service default/d", "Service default/b");
                Files.delete(file);
                eventually("Service default/b");
                Files.writeString(file, service("a"));
                eventually("Service default/a", "Service default/b");
            }
        }
    }

    /** As a deployment does that puts each release into a folder of its own. */
    @Test
    void followsAGivenFolderThatIsALink() throws IOException {
        Path one = Files.createDirectories(folder.resolve("releases/1/below"));
        Files.writeString(one.resolve("a.yaml"), service("a"));
        Path two = Files.createDirectories(folder.resolve("releases/2"));
        Files.writeString(two.resolve("b.yaml"), service("b"));
        Path current = Files.createSymbolicLink(folder.resolve("current"), Path.of("releases/1"));
        try (FileSource source = watchWithoutLooking(current)) {
            assertThat(names()).containsExactly("Service default/a");
            assertThat(readings.getLast()
                            .resources()
                            .resources()
                            .getFirst()
                            .root()
                            .position()
                            .file())
                    .isEqualTo(current.resolve("below/a.yaml").toString());
            Files.writeString(one.resolve("a.yaml"), service("c"));
            eventually("Service default/c");
            Path next = Files.createSymbolicLink(folder.resolve("next"), Path.of("releases/2"));
            Files.move(next, current, StandardCopyOption.ATOMIC_MOVE);
            eventually("Service default/b");
            Files.writeString(two.resolve("b.yaml"), service("d"));
            eventually("Service default/d");
        }
    }

    @Test
    void followsFoldersThatHaveMoved() throws IOException {
        Path given = Files.createDirectory(folder.resolve("given"));
        Path one = Files.createDirectory(given.resolve("one"));
        Files.writeString(one.resolve("a.yaml"), service("a"));
        try (FileSource source = watchWithoutLooking(given)) {
            Path two = Files.move(one, given.resolve("two"));
            await().atMost(Duration.ofSeconds(20)).until(() -> readings.size() == 2);
            Files.writeString(two.resolve("a.yaml"), service("b"));
            eventually("Service default/b");

            takesThePlaceOf(two, "c", "d");
            takesThePlaceOf(given, "e", "f");
        }
    }

    /** Another folder, with {@code first} in it, which becomes {@code then}. */
    private void takesThePlaceOf(Path there, String first, String then) throws IOException {
        Path other = Files.createDirectory(folder.resolve("other-" + first));
        Files.writeString(other.resolve("x.yaml"), service(first));
        Files.move(there, folder.resolve("gone-" + first));
        Files.move(other, there);
        eventually("Service default/" + first);
        Files.writeString(there.resolve("x.yaml"), service(then));
        eventually("Service default/" + then);
    }

    /** The folder that a given one stands in tells only of what comes and goes; here it is a given one itself, by another name. */
    @Test
    void followsAFolderThatAnotherGivenOneStandsIn() throws IOException {
        Path real = Files.createDirectory(folder.resolve("real"));
        Files.writeString(real.resolve("a.yaml"), service("a"));
        Path below = Files.createDirectories(real.resolve(".below"));
        Files.writeString(below.resolve("b.yaml"), service("b"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), real);
        try (FileSource source = watchWithoutLooking(link, real.resolve(".below"))) {
            Files.writeString(real.resolve("a.yaml"), service("c"));
            eventually("Service default/c", "Service default/b");
        }
    }

    @Test
    void followsAFileThatWasAFolder() throws IOException {
        Path given = Files.createDirectory(folder.resolve("given.yaml"));
        Files.writeString(given.resolve("a.yaml"), service("a"));
        try (FileSource source = watchWithoutLooking(given)) {
            Files.move(given, folder.resolve("gone"));
            Files.writeString(given, service("b"));
            eventually("Service default/b");
            Files.writeString(given, service("c"));
            eventually("Service default/c");
        }
    }

    @Test
    void filesThatNeverRestAreReadAllTheSame() throws Exception {
        Path file = Files.writeString(folder.resolve("a.yaml"), service("a"));
        try (FileSource source = watch(file)) {
            for (int i = 0; i < 60 && readings.size() < 2; i++) {
                Files.writeString(file, service("a" + i));
                Thread.sleep(100);
            }
            assertThat(readings.size()).isGreaterThan(1);
        }
    }
}
