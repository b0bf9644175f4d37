package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rules of a policy in order, the first that matches decides. */
final class AuthorizationFilter implements Filter {
    private final List<RuleTest> rules;
    private final boolean allowByDefault;
    private final @Nullable PlaceBook places;

    private AuthorizationFilter(List<RuleTest> rules, boolean allowByDefault, @Nullable PlaceBook places) {
        this.rules = rules;
        this.allowByDefault = allowByDefault;
        this.places = places;
    }

    static FilterFactory factory(SecurityFilter.Authorization authorization) {
        List<RuleTest> rules = authorization.rules().stream().map(RuleTest::new).toList();
        PlaceBook places = authorization.databases().map(PlaceBook::new).orElse(null);
        Filter filter = new AuthorizationFilter(rules, authorization.allowByDefault(), places);
        return () -> filter;
    }

    @Override
    public Step request(FilterRequest request) {
        RuleTest.Asked asked;
        try {
            asked = new RuleTest.Asked(request, places);
        } catch (IOException unknown) {
            request.answer(LocalReply.of(ProxyFailure.PLACE_UNKNOWN));
            return Step.STOP;
        }
        if (allows(asked)) {
            return Step.CONTINUE;
        }
        request.answer(LocalReply.of(ProxyFailure.NOT_AUTHORIZED));
        return Step.STOP;
    }

    private boolean allows(RuleTest.Asked asked) {
        for (RuleTest rule : rules) {
            if (rule.matches(asked)) {
                return rule.allows();
            }
        }
        return allowByDefault;
    }
}
