package dev.holdfast.resource.read;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** A folder that somebody has named, which may be a link to one; links below it are not followed. */
public final class GivenFolder {
    private GivenFolder() {}

    /** All that is below {@code folder}, called as the folder is. */
    public static void walk(Path folder, FileVisitor<Path> visitor) throws IOException {
        if (Files.isSymbolicLink(folder)) {
            Path real = folder.toRealPath();
            Files.walkFileTree(real, new Renamed(folder, real, visitor));
        } else {
            Files.walkFileTree(folder, visitor);
        }
    }

    private record Renamed(Path folder, Path real, FileVisitor<Path> of) implements FileVisitor<Path> {
        private Path named(Path path) {
            return folder.resolve(real.relativize(path));
        }

        @Override
        public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) throws IOException {
            return of.preVisitDirectory(named(path), attributes);
        }

        @Override
        public FileVisitResult visitFile(Path path, BasicFileAttributes attributes) throws IOException {
            return of.visitFile(named(path), attributes);
        }

        @Override
        public FileVisitResult visitFileFailed(Path path, IOException fault) throws IOException {
            return of.visitFileFailed(named(path), fault);
        }

        @Override
        public FileVisitResult postVisitDirectory(Path path, @Nullable IOException fault) throws IOException {
            return of.postVisitDirectory(named(path), fault);
        }
    }
}
