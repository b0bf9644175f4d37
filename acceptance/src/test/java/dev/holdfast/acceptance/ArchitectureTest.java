package dev.holdfast.acceptance;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The arrows of ARCHITECTURE.md. A rule without classes to look at fails, so none holds by accident. */
final class ArchitectureTest {
    private static final String ROOT = "dev.holdfast";

    /** Module to the modules it may see. A module that is not built yet has its line when it comes. */
    private static final Map<String, List<String>> ARROWS = Map.of(
            "problem",
            List.of(),
            "plan",
            List.of("problem"),
            "resource",
            List.of("problem"),
            "dataplane",
            List.of("plan", "problem"),
            "xds",
            List.of("plan", "problem"),
            "console",
            List.of("plan", "problem"),
            "translate",
            List.of("resource", "plan", "problem"),
            "doctor",
            List.of("resource", "plan", "problem"),
            "kubernetes",
            List.of("resource", "plan", "problem"),
            "app",
            List.of("translate", "resource", "dataplane", "xds", "console", "doctor", "kubernetes", "plan", "problem"));

    private static final List<String> JDK_ONLY = List.of("problem", "plan");

    /** {@code java.net} but for its decoder of text, which reads nothing but its argument. */
    private static final DescribedPredicate<JavaClass> NETWORK = DescribedPredicate.describe(
            "are of java.net",
            seen -> seen.getPackageName().startsWith("java.net")
                    && !seen.getName().equals("java.net.URLDecoder"));

    private static final String[] LOOP_PACKAGES = Stream.of(
                    "l4", "http1", "http2", "exchange", "filter", "stream", "route", "upstream", "codec", "message")
            .map(p -> ROOT + ".dataplane." + p + "..")
            .toArray(String[]::new);

    private static final List<Map.Entry<Class<?>, String>> BLOCKING = List.of(
            Map.entry(Thread.class, "sleep"),
            Map.entry(Thread.class, "join"),
            Map.entry(TimeUnit.class, "sleep"),
            Map.entry(Future.class, "get"),
            Map.entry(CountDownLatch.class, "await"),
            Map.entry(BlockingQueue.class, "take"),
            Map.entry(BlockingQueue.class, "put"),
            Map.entry(io.netty.util.concurrent.Future.class, "await"),
            Map.entry(io.netty.util.concurrent.Future.class, "sync"),
            Map.entry(io.netty.util.concurrent.Future.class, "awaitUninterruptibly"),
            Map.entry(io.netty.util.concurrent.Future.class, "syncUninterruptibly"));

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    static Stream<String> modules() {
        return ARROWS.keySet().stream().sorted();
    }

    static Stream<String> jdkOnly() {
        return JDK_ONLY.stream();
    }

    @Test
    void everyModuleHasItsArrows() {
        Set<String> built = CLASSES.stream()
                .filter(c -> !isOf(c, "testkit"))
                .map(c -> c.getPackageName().substring(ROOT.length() + 1).split("\\.")[0])
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(built).isEqualTo(new TreeSet<>(ARROWS.keySet()));
    }

    @ParameterizedTest
    @MethodSource("modules")
    void aModuleSeesOnlyWhatItsArrowsAllow(String module) {
        seesOnly(module, ARROWS.get(module)).check(CLASSES);
    }

    @Test
    void anArrowThatIsNotAllowedIsNoticed() {
        assertThat(seesOnly("dataplane", List.of("problem")).evaluate(CLASSES).hasViolation())
                .isTrue();
        assertThat(seesOnly("plan", List.of()).evaluate(CLASSES).hasViolation()).isTrue();
    }

    @ParameterizedTest
    @MethodSource("jdkOnly")
    void theVocabularyAndTheHubKnowNothingButTheJdk(String module) {
        classes()
                .that()
                .resideInAPackage(in(module))
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "org.jspecify..", in("problem"), in("plan"))
                .check(CLASSES);
    }

    @ParameterizedTest
    @MethodSource("jdkOnly")
    void theVocabularyAndTheHubArePure(String module) {
        pure(module).check(CLASSES);
    }

    @Test
    void translationIsPure() {
        pure("translate").check(CLASSES);
    }

    @ParameterizedTest
    @MethodSource("modules")
    void thePackagesOfAModuleFormNoCycle(String module) {
        slices().matching(ROOT + "." + module + ".(*)..")
                .should()
                .beFreeOfCycles()
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void theRequestPathNeverBlocksItsLoop() {
        noMethods()
                .that()
                .areDeclaredInClassesThat()
                .resideInAnyPackage(LOOP_PACKAGES)
                .should()
                .haveModifier(JavaModifier.SYNCHRONIZED)
                .check(CLASSES);
        blocking(LOOP_PACKAGES).check(CLASSES);
    }

    @Test
    void aBlockingCallIsNoticed() {
        assertThat(blocking(ROOT + ".app..").evaluate(CLASSES).hasViolation()).isTrue();
    }

    private static ArchRule blocking(String... packages) {
        DescribedPredicate<JavaCall<?>> waits = DescribedPredicate.describe(
                "wait for something",
                call -> BLOCKING.stream()
                        .anyMatch(b -> call.getTarget().getName().equals(b.getValue())
                                && call.getTargetOwner().isAssignableTo(b.getKey())));
        return noClasses().that().resideInAnyPackage(packages).should().callCodeUnitWhere(waits);
    }

    @Test
    void impurityIsNoticed() {
        assertThat(pure("dataplane").evaluate(CLASSES).hasViolation()).isTrue();
    }

    private static ArchRule seesOnly(String module, List<String> allowed) {
        DescribedPredicate<JavaClass> forbidden = DescribedPredicate.describe(
                "are of another module than " + allowed,
                seen -> isOurs(seen) && !isOf(seen, module) && allowed.stream().noneMatch(name -> isOf(seen, name)));
        return noClasses().that().resideInAPackage(in(module)).should().dependOnClassesThat(forbidden);
    }

    /** No network, files, threads, clock or chance: the same values in give the same value out. */
    private static ArchRule pure(String module) {
        return noClasses()
                .that()
                .resideInAPackage(in(module))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.nio.file..", "java.nio.channels..", "java.util.concurrent..")
                .orShould()
                .dependOnClassesThat(NETWORK)
                .orShould()
                .dependOnClassesThat()
                .haveNameMatching(
                        "java\\.time\\.(Clock|InstantSource)|java\\.util\\.(Random|UUID)|java\\.lang\\.Thread")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(java.time.Instant.class, "now");
    }

    private static boolean isOurs(JavaClass seen) {
        return seen.getPackageName().startsWith(ROOT + ".");
    }

    private static boolean isOf(JavaClass seen, String module) {
        String name = ROOT + "." + module;
        return seen.getPackageName().equals(name) || seen.getPackageName().startsWith(name + ".");
    }

    private static String in(String module) {
        return ROOT + "." + module + "..";
    }
}
