import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * {@code java build/ModernClasses.java JAR…}: gives classes of before Java 6 the form of Java 8, in place. The JVM keeps no
 * class without stack maps (JVMS §4.10.1) in its AOT cache; picocli's it would read, verify and make proxies of at every start.
 */
public final class ModernClasses {
    private static final int OLDEST_WITH_STACK_MAPS = 50;

    private ModernClasses() {}

    public static void main(String[] jars) throws IOException {
        for (String jar : jars) {
            try (FileSystem inside = FileSystems.newFileSystem(Path.of(jar));
                    Stream<Path> all = Files.walk(inside.getPath("/"))) {
                List<Path> classes =
                        all.filter(file -> file.toString().endsWith(".class")).toList();
                // Code that is copied as it is gets no stack maps: a pool of its own makes all of it be built anew.
                ClassFile form = ClassFile.of(
                        ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(
                                        name -> open(inside, name.descriptorString()))
                                .orElse(ClassHierarchyResolver.defaultResolver())),
                        ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                        ClassFile.ConstantPoolSharingOption.NEW_POOL);
                ClassTransform modern = ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL)
                        .andThen(ClassTransform.endHandler(made -> made.withVersion(ClassFile.JAVA_8_VERSION, 0)));
                for (Path file : classes) {
                    ClassModel old = form.parse(Files.readAllBytes(file));
                    if (old.majorVersion() < OLDEST_WITH_STACK_MAPS) {
                        Files.write(file, form.transformClass(old, modern));
                    }
                }
            }
        }
    }

    private static InputStream open(FileSystem inside, String descriptor) {
        Path file = inside.getPath("/" + descriptor.substring(1, descriptor.length() - 1) + ".class");
        try {
            return Files.exists(file) ? Files.newInputStream(file) : null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
