#include "reconciler/controller/git_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/controller/git_fault.hpp"
#include "reconciler/controller/git_output.hpp"

namespace dps::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(GitAddress, KnowsWhatIsSpoken) {
  struct Case {
    const char* text;
    GitTransport transport;
    const char* origin;
  };
  for (const auto& one : std::vector<Case>{
           {"https://git.example/fleet.git", GitTransport::Https, "https://git.example"},
           {"HTTPS://Git.Example:8443/a/b", GitTransport::Https, "https://git.example:8443"},
           {"http://127.0.0.1:8080/a", GitTransport::Http, "http://127.0.0.1:8080"},
           {"http://localhost/a", GitTransport::Http, "http://localhost"},
           {"http://[::1]:80/a", GitTransport::Http, "http://[::1]:80"},
           {"ssh://git@git.example:22/a.git", GitTransport::Ssh, "ssh://git.example:22"},
           {"git@git.example:team/a.git", GitTransport::Ssh, "ssh://git.example"},
           {"file:///srv/a.git", GitTransport::File, ""},
       }) {
    SCOPED_TRACE(one.text);
    const auto address = parse_git_address(one.text);
    ASSERT_TRUE(address);
    EXPECT_EQ(address->transport, one.transport);
    EXPECT_EQ(address->origin, one.origin);
    EXPECT_EQ(address->url, one.text);
  }
}

TEST(GitAddress, RefusesWhatCouldMeanSomethingElse) {
  for (const char* text : {"",
                           "fleet",
                           "/srv/a.git",
                           "./a:b",
                           "ext::sh -c evil",
                           "ext::evil",
                           "git://git.example/a",
                           "http://git.example/a",
                           "http://127.0.0.1.evil.example/a",
                           "https://",
                           "https://git.example",
                           "https://git.example/",
                           "https:///a",
                           "https://-x/a",
                           "https://git.example/a?b",
                           "https://git.example/a b",
                           "https://git.example/a\n",
                           "ssh://-oProxyCommand=evil/a",
                           "ssh://-oProxyCommand=evil@host/a",
                           "-oProxyCommand=evil:a",
                           "git@host:-x",
                           "git@$(evil):a",
                           "file://host/a",
                           "file://"}) {
    const auto address = parse_git_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().id, "BadGitUrl") << text;
    EXPECT_EQ(address.error().next, NextMove::GiveUp);
    EXPECT_FALSE(address.error().remedy.empty());
  }
}

TEST(GitAddress, RefusesCredentialsAndDoesNotRepeatThem) {
  for (const char* text : {"https://me:canary@git.example/a",
                           "https://canary@git.example/a",
                           "https://me:canary@127.0.0.1:8443/a",
                           "ssh://git:canary@git.example/a"}) {
    const auto address = parse_git_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().id, "CredentialsInUrl");
    EXPECT_THAT(address.error().what + address.error().remedy, Not(HasSubstr("canary")));
  }
}

TEST(GitRef, IsABranchATagOrACommit) {
  for (const char* ref : {"main",
                          "HEAD",
                          "release/1.2",
                          "refs/heads/main",
                          "v1.2.3",
                          "0123456789012345678901234567890123456789"}) {
    EXPECT_TRUE(check_git_ref(ref)) << ref;
  }
  for (const char* ref : {"",     "-x",    "--upload-pack=x",
                          "a b",  "a..b",  "a:b",
                          "+a",   "a^",    "a~1",
                          "a*",   "a?",    "a[b",
                          "a\\b", "a@{1}", "/a",
                          "a/",   ".a",    "a.",
                          "a/.b", "a//b",  "a.lock",
                          "ä"}) {
    EXPECT_FALSE(check_git_ref(ref)) << ref;
  }
}

TEST(GitPath, StaysInTheRepository) {
  EXPECT_EQ(*tidy_git_path(""), "");
  EXPECT_EQ(*tidy_git_path("."), "");
  EXPECT_EQ(*tidy_git_path("./fleet//eu/"), "fleet/eu");
  EXPECT_EQ(*tidy_git_path("a/../b"), "b");
  for (const char* path : {"/etc", "..", "../x", "a/../../b"}) {
    EXPECT_FALSE(tidy_git_path(path)) << path;
  }
}

TEST(GitFault, NamesWhatGitMeans) {
  struct Case {
    const char* complaint;
    const char* id;
    const char* shown;
  };
  for (const auto& one : std::vector<Case>{
           {"No ED25519 host key is known for git.example and you have requested strict "
            "checking.\r\n"
            "Host key verification failed.\r\n"
            "fatal: Could not read from remote repository.\n",
            "HostKeyUnknown",
            "No ED25519 host key is known for git.example"},
           {"@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@\n"
            "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n"
            "Host key for git.example has changed and you have requested strict checking.\n"
            "Host key verification failed.\nfatal: Could not read from remote repository.\n",
            "HostKeyChanged",
            "Host key for git.example has changed"},
           {"git@git.example: Permission denied (publickey).\nfatal: Could not read from remote "
            "repository.\n",
            "AuthenticationFailed",
            "Permission denied (publickey)"},
           {"No user exists for uid 4711\nfatal: Could not read from remote repository.\n",
            "NoUserEntry",
            "No user exists"},
           {"ssh: Could not resolve hostname git.example: Name or service not known\n"
            "fatal: Could not read from remote repository.\n",
            "SourceUnreadable",
            "Could not resolve hostname"},
           {"remote: Support for password authentication was removed.\n"
            "fatal: Authentication failed for 'https://git.example/a/'\n",
            "AuthenticationFailed",
            "Authentication failed for"},
           {"fatal: unable to access 'https://git.example/a/': The requested URL returned error: "
            "403\n",
            "AuthenticationFailed",
            "403"},
           {"fatal: unable to access 'https://git.example/a/': The requested URL returned error: "
            "502\n",
            "SourceUnreadable",
            "502"},
           {"remote: Repository not found.\nfatal: repository 'https://git.example/a/' not found\n",
            "RepositoryNotFound",
            "Repository not found"},
           {"fatal: unable to access 'https://git.example/a/': server certificate verification "
            "failed. CAfile: none CRLfile: none\n",
            "TlsFailed",
            "certificate verification"},
           {"error: unable to write file: No space left on device\nfatal: cannot store pack file\n",
            "DiskFull",
            "No space left"},
           {"fatal: couldn't find remote ref refs/heads/x\n", "RefNotFound", "couldn't find"},
           {"fatal: Unable to create '/s/shallow.lock': File exists.\n\nAnother git process seems",
            "RepositoryCorrupt",
            "shallow.lock"},
           {"hint: a\nwarning: b\nerror: the cause\nfatal: the end\n",
            "SourceUnreadable",
            "the cause"},
           {"", "SourceUnreadable", "without a word"},
       }) {
    SCOPED_TRACE(one.complaint);
    const auto error = git_fault("asking", one.complaint, {});
    EXPECT_EQ(error.id, one.id);
    EXPECT_THAT(error.what, HasSubstr(one.shown));
    EXPECT_FALSE(error.remedy.empty());
    EXPECT_NE(error.next, NextMove::GiveUp);
  }
}

TEST(GitFault, ShowsNoSecretThatAServerRepeatsAndNoControlCharacters) {
  const auto error =
      git_fault("asking",
                "fatal: remote error: you said tok\x65n-canary \x1b[31m Bearer abc\n",
                {"token-canary"});
  EXPECT_THAT(error.what, Not(HasSubstr("canary")));
  EXPECT_THAT(error.what, HasSubstr("[secret]"));
  EXPECT_THAT(error.what, Not(HasSubstr("\x1b")));
}

TEST(GitOutput, IsTakenApartAndNothingElseBelieved) {
  EXPECT_EQ(git_sizes("count: 2\nsize: 3\npacks: 4\nsize-pack: 5\ngarbage: 1\nsize-garbage: 2\n"),
            (GitSizes{4, 10 * 1024, 1}));
  const std::string nul(1, '\0');
  const auto names = git_listed("100644 blob aa      12\ta b.yaml" + nul +
                                "160000 commit bb       -\tsub" + nul + "nonsense" + nul);
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0], (GitListed{"100644", "aa", 12, "a b.yaml"}));
  EXPECT_EQ(names[1], (GitListed{"160000", "bb", 0, "sub"}));
  const auto read = git_contents("aa blob 3\nx\ny\nbb blob 0\n\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at("aa"), "x\ny");
  EXPECT_EQ(read->at("bb"), "");
  for (const char* text : {"aa missing\n", "aa blob 9\nx\n", "aa tree 1\nx\n"}) {
    ASSERT_FALSE(git_contents(text)) << text;
    EXPECT_EQ(git_contents(text).error().id, "RepositoryCorrupt");
  }
}

}  // namespace
}  // namespace dps::controller
