import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * {@code java build/OneJar.java OUT JAR…}: the class path as one jar, for a quick start. Whatever asks for a class that is not
 * there, as several libraries do to find out where they run, makes the JVM open every jar of its class path: a tenth of a second.
 *
 * <p>Of what several jars have, the first jar's stays, as on a class path; lists of services are joined; of a multi-release jar
 * (JEP 238) it is this JVM's form. Classes of before Java 6 get today's form: the JVM keeps no class without stack maps
 * (JVMS §4.10.1) in its AOT cache.
 */
public final class OneJar {
    private static final int OLDEST_WITH_STACK_MAPS = 50;

    private final Map<String, byte[]> contents = new LinkedHashMap<>();
    private final Map<String, Set<String>> services = new LinkedHashMap<>();

    public static void main(String[] paths) throws IOException {
        OneJar all = new OneJar();
        for (int i = 1; i < paths.length; i++) {
            all.add(Path.of(paths[i]));
        }
        all.modernise();
        all.write(Path.of(paths[0]));
    }

    private void add(Path path) throws IOException {
        try (JarFile jar = new JarFile(path.toFile(), false, ZipFile.OPEN_READ, JarFile.runtimeVersion())) {
            Enumeration<JarEntry> entries = jar.entries();
            while (entries.hasMoreElements()) {
                JarEntry entry = entries.nextElement();
                String name = entry.getName();
                if (entry.isDirectory() || isOfTheJarItself(name)) {
                    continue;
                }
                if (name.startsWith("META-INF/services/")) {
                    services.computeIfAbsent(name, n -> new LinkedHashSet<>()).addAll(providers(jar, entry));
                } else if (!contents.containsKey(name)) {
                    contents.put(name, bytes(jar, jar.getJarEntry(name)));
                }
            }
        }
    }

    private static boolean isOfTheJarItself(String name) {
        return name.equals(JarFile.MANIFEST_NAME)
                || name.equals("module-info.class")
                || name.startsWith("META-INF/versions/")
                || name.startsWith("META-INF/maven/")
                || (name.startsWith("META-INF/") && name.matches(".*\\.(SF|RSA|DSA|EC)"));
    }

    private static Set<String> providers(JarFile jar, JarEntry entry) throws IOException {
        Set<String> out = new LinkedHashSet<>();
        new String(bytes(jar, entry), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.replaceFirst("#.*", "").strip())
                .filter(line -> !line.isEmpty())
                .forEach(out::add);
        return out;
    }

    private static byte[] bytes(JarFile jar, ZipEntry entry) throws IOException {
        try (InputStream in = jar.getInputStream(entry)) {
            return in.readAllBytes();
        }
    }

    private void modernise() {
        // Code that is copied as it is gets no stack maps: a pool of its own makes all of it be built anew.
        ClassFile form = ClassFile.of(
                ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(
                                name -> open(name.descriptorString()))
                        .orElse(ClassHierarchyResolver.defaultResolver())),
                ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                ClassFile.ConstantPoolSharingOption.NEW_POOL);
        ClassTransform modern = ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL)
                .andThen(ClassTransform.endHandler(made -> made.withVersion(ClassFile.JAVA_8_VERSION, 0)));
        contents.replaceAll((name, bytes) -> {
            // JVMS §4.1: the class file's major version is its seventh and eighth octet.
            boolean old = name.endsWith(".class") && bytes.length > 8 && bytes[6] == 0 && bytes[7] < OLDEST_WITH_STACK_MAPS;
            return old ? form.transformClass(form.parse(bytes), modern) : bytes;
        });
    }

    private InputStream open(String descriptor) {
        byte[] bytes = contents.get(descriptor.substring(1, descriptor.length() - 1) + ".class");
        return bytes == null ? null : new ByteArrayInputStream(bytes);
    }

    /** Written beside and renamed: half a jar would be taken for the whole one. */
    private void write(Path out) throws IOException {
        services.forEach((name, lines) ->
                contents.put(name, String.join("\n", lines).concat("\n").getBytes(StandardCharsets.UTF_8)));
        Path beside = out.resolveSibling(out.getFileName() + ".new");
        try (OutputStream file = Files.newOutputStream(beside);
                ZipOutputStream zip = new ZipOutputStream(new BufferedOutputStream(file, 1 << 20))) {
            zip.setMethod(ZipOutputStream.STORED);
            CRC32 sum = new CRC32();
            contents.forEach((name, bytes) -> {
                try {
                    ZipEntry entry = new ZipEntry(name);
                    sum.reset();
                    sum.update(bytes);
                    entry.setCrc(sum.getValue());
                    entry.setSize(bytes.length);
                    zip.putNextEntry(entry);
                    zip.write(bytes);
                    zip.closeEntry();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
        Files.move(beside, out, StandardCopyOption.REPLACE_EXISTING);
    }
}
